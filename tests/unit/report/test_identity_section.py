"""The sites over days on the pages: a letter for each that is another, tables with names, nothing on day 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import Exclusion, LeftOutOf, noted
from closedloop.artifacts.day.identity import IdentityTable, OfferedSite, SiteIdentity
from closedloop.artifacts.records.amendments import Amendment
from closedloop.report import drawing
from closedloop.report.identity.figures import strip
from closedloop.report.identity.section import identity_over_days
from closedloop.report.pages import write_report
from closedloop.report.reading import DayRecord, read_study

N_SITES = 4
PAIR = {0: ("moved", "array1-003"), 2: ("moved", "array1-001")}


def name(electrode: int) -> str:
    return f"array1-{electrode + 1:03d}"


def table(day: int, changed: dict[int, tuple[str, str]] | None = None, **values: Any) -> IdentityTable:
    """Return a day's table of four sites and two other electrodes, all the same but for some."""
    state = dict.fromkeys(range(N_SITES + 2), ("same", "")) | (changed or {})
    rows = tuple(
        SiteIdentity.model_validate(
            {
                "neuroid_id": name(e),
                "site_index": e if e < N_SITES else None,
                "state": what,
                "correlation": 0.11 if what == "moved" else 0.97,
                "standard_error": 0.02,
                "partner": partner,
                "partner_correlation": 0.95 if partner else None,
                "reliability_then": 0.9,
                "reliability_now": 0.9,
                "rate_then_hz": 40.0,
                "rate_now_hz": 30.0,
                "waveform_likeness": 0.97,
                "partner_waveform_likeness": 0.99 if partner else None,
            }
        )
        for e, (what, partner) in state.items()
    )
    return IdentityTable(
        simulated=True, day=day, expected=0.97, electrodes=rows, **{"offered": (), "n_images": 109, **values}
    )


def record(day: int, found: IdentityTable | None) -> DayRecord:
    empty: dict[str, Any] = dict.fromkeys(
        ("plan", "images", "audit", "summary", "quality", "fit", "evaluation", "pairs")
    )
    return DayRecord(day=day, **empty, sensitivity=(), manifests={}, identity=found)


def days(*tables: IdentityTable) -> list[DayRecord]:
    return [record(0, None), *(record(one.day, one) for one in tables)]


def test_there_is_nothing_to_say_before_a_day_was_compared() -> None:
    assert identity_over_days([record(0, None), record(1, None)]) is None


def test_sites_that_people_left_out_count_neither_way_and_are_marked() -> None:
    parts: tuple[LeftOutOf, ...] = ("fit", "evaluation")
    things = [Exclusion(part=part, thing="site", name=name(0), from_day=2) for part in parts]
    said = {"kind": "exclude", "simulated": True, "day": None, "utc": "2026-11-29T07:00:00+00:00", "why": "dead"}
    line = Amendment.model_validate({**said, "who": "Ada", "after": noted(things)})
    dead = {0: ("dead", "")}
    with drawing.style():
        before, after = (identity_over_days(days(table(day, dead)), [line]) for day in (1, 2))
    assert before is not None
    assert after is not None
    assert "3 of 4 sites answer" in before.intro
    assert "3 of 3 sites answer" in after.intro
    assert "; 1 left out by Ada." in after.intro
    assert [section.tables[0].rows[0][1] for section in (before, after)] == ["fell silent", "fell silent (left out)"]


def test_sites_that_are_others_are_named_with_the_day_since_when() -> None:
    with drawing.style():
        section = identity_over_days(days(table(1), table(2, PAIR), table(3, PAIR | {5: ("dead", "")})))
    assert section is not None
    assert "On day 3, 2 of 4 sites" in section.intro
    assert [row[:4] for row in section.tables[0].rows] == [
        ("array1-001 (site 0)", "answers as another electrode did", "day 2", "array1-003"),
        ("array1-003 (site 2)", "answers as another electrode did", "day 2", "array1-001"),
    ]
    assert [row[6] for row in section.tables[0].rows] == ["0.970, 0.990 with that one"] * 2
    assert [len(folded.rows) for _, folded in section.folded] == [6]


def test_new_sites_are_offered_with_their_reliability() -> None:
    offered = (OfferedSite(neuroid_id=name(5), reliability_then=None, reliability=0.81),)
    with drawing.style():
        section = identity_over_days(days(table(1, offered=offered)))
    assert section is not None
    (offer,) = section.tables
    assert offer.rows == (("array1-006", "–", "0.810"),)


@pytest.mark.parametrize(
    ("state", "letter"),
    [("moved", "M"), ("retuned", "R"), ("lost", "L"), ("dead", "D"), ("missing", "–"), ("unknown", "?")],
)
def test_each_state_has_a_letter_in_the_picture_where_it_was_found(state: str, letter: str) -> None:
    with drawing.style():
        figure = strip([table(1), table(2, {1: (state, "")})])
    (axes,) = figure.axes
    assert [(text.get_position(), text.get_text()) for text in axes.texts] == [((1, 1), letter)]
    assert len(axes.patches) == 2 * N_SITES
    assert ("array1-001", "1", "0.97") in [(row[1], row[3], row[5]) for row in drawing.numbers_of(figure)]


def test_both_pages_of_a_study_show_it(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "study", n_evaluated=2, under_way=False)
    place = catalog.IDENTITY.published(paths, 1)
    catalog.IDENTITY.write(place, table(1, PAIR), simulated=True)
    assert read_study(paths).days[0].identity is None
    write_report(paths)
    pages = [(paths.report / page).read_text() for page in ("index.html", "day-00.html", "day-01.html")]
    assert ['id="identity"' in page for page in pages] == [True, False, True]
    assert all("array1-003 (site 2)" in pages[page] for page in (0, 2))


def test_where_too_few_images_are_shown_every_day_it_says_that_nobody_can_tell() -> None:
    few = table(1, dict.fromkeys(range(N_SITES), ("unknown", "")), n_images=9)
    section = identity_over_days(days(few))
    assert section is not None
    assert f"of {N_SITES} it cannot be told, for it takes 12 images" in section.intro
    enough = identity_over_days(days(table(1, dict.fromkeys(range(N_SITES), ("same", "")))))
    assert enough is not None
    assert "cannot be told" not in enough.intro
