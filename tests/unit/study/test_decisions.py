"""What people decide makes stages stale, what was shown stands, and taking it back gives the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.amended.exclusions import Exclusion, LeftOutOf, noted
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.records.amendments import Amendment, append_amendment
from closedloop.artifacts.records.sequence import Block
from closedloop.errors import ManifestError, StudyError
from closedloop.storage import sha256_file
from closedloop.study.verification.study import verify_study
from tests.unit.messages import refused
from tests.unit.study.labs import Lab, bring_recording, from_stage, lab
from tests.unit.study.sessions import bring

SITE = Exclusion(part="fit", thing="site", name="array1-003", from_day=0)


def run_recorded(made: Lab, *, days: int) -> None:
    """Run a real study, whose sessions and recordings are brought when it waits for them."""
    for day in range(days):
        assert made.run(days=days).waiting_for is not None
        bring(made.paths, day)
        bring_recording(made.paths, day)
    assert made.run(days=days).waiting_for is None


def decide(made: Lab, kind: str, *things: Exclusion, **values: Block) -> None:
    said = noted(things, **values)
    line = {"kind": kind, "simulated": True, "day": None, "utc": "2026-11-29T07:00:00+00:00", "who": "A", "why": "dead"}
    amendment = Amendment.model_validate(line | {"after" if kind == "exclude" else "before": said})
    append_amendment(made.paths.amendments, amendment)


def files_of(made: Lab) -> dict[str, str]:
    folders = [made.paths.start, *sorted(made.paths.root.glob("day-*/*"))]
    return {made.paths.relative(f): sha256_file(f) for folder in folders for f in sorted(folder.glob("*.txt"))}


def test_a_site_left_out_of_the_fit_makes_the_fits_again_and_what_was_shown_stands(tmp_path: Path) -> None:
    made = lab(tmp_path, days=3)
    made.run(days=2)
    before = files_of(made)
    decide(made, "exclude", SITE)
    made.run(days=2)
    assert made.ran == ["0 refit", "1 refit"]
    assert made.listener.said[0] == (
        "day-00 refit is stale (what is left out of the fit changed); it runs again, and so does what follows from it."
    )
    manifest = read_manifest(made.paths.folder("refit", 1))
    assert '"array1-003"' in manifest.decisions["left_out_of_fit"]
    made.run(days=3)
    assert made.ran == from_stage("queue", 1, until=3)
    assert made.run(days=3).waiting_for is None
    assert made.ran == []

    decide(made, "include", SITE)
    made.run(days=3)
    assert made.ran == ["1 refit", "2 refit"]  # the fit of day 0, which a session was made with, was kept
    assert files_of(made) | before == files_of(made)
    assert read_manifest(made.paths.folder("refit", 1)).decisions == {}


def test_in_a_real_study_the_days_that_are_recorded_stand_and_the_next_one_is_made_again(tmp_path: Path) -> None:
    made = lab(tmp_path, days=3, simulated=False)
    run_recorded(made, days=2)
    assert made.run(days=3).day == 2
    shown = [made.paths.folder(stage, 1) for stage in ("plan", "synthesize", "schedule", "present", "recording")]
    before = [sha256_file(folder / "manifest.json") for folder in shown]
    decide(made, "exclude", SITE)
    assert made.run(days=3).waiting_for is not None
    assert made.ran == ["0 refit", "1 refit", "2 synthesize", "2 schedule"]
    assert [sha256_file(folder / "manifest.json") for folder in shown] == before
    assert made.run(days=3).waiting_for is not None
    assert made.ran == []

    notes = [note for note in verify_study(made.paths, table=made.table).notes if "as its session was shown" in note]
    assert notes == [
        f"{made.paths.folder('synthesize', 1)}: stands as its session was shown; by a decision since then "
        "day-00/refit/refit.txt changed."
    ]


def test_nothing_else_that_changed_is_taken_for_a_decision(tmp_path: Path) -> None:
    made = lab(tmp_path, days=3, simulated=False)
    run_recorded(made, days=2)
    decide(made, "exclude", SITE)
    made.tamper("plan", 1)
    with refused(
        StudyError, made.paths.folder("synthesize", 1), "expected what day 1 was recorded with", "A recording cannot"
    ):
        made.run()


def test_without_a_decision_a_model_that_changed_is_refused_as_before(tmp_path: Path) -> None:
    made = lab(tmp_path, days=3, simulated=False)
    run_recorded(made, days=2)
    made.tamper("refit", 0)
    with refused(
        StudyError, made.paths.folder("synthesize", 1), "expected what day 1 was recorded with", "A recording cannot"
    ):
        made.run()


def test_a_manifest_whose_decisions_were_edited_is_refused(tmp_path: Path) -> None:
    made = lab(tmp_path)
    decide(made, "exclude", SITE)
    made.run()
    path = made.paths.folder("refit", 0) / "manifest.json"
    path.write_text(path.read_text().replace("array1-003", "array1-004"))
    with refused(ManifestError, path, "other decisions than its input_hash is made of"):
        made.run()


@pytest.mark.parametrize(
    ("part", "planned", "again"),
    [("fit", None, []), ("evaluation", None, []), ("evaluation", 2, ["2 plan", "2 synthesize", "2 schedule"])],
)
def test_a_site_is_attacked_no_longer_from_the_first_day_that_is_not_planned(
    tmp_path: Path, part: LeftOutOf, planned: int | None, again: list[str]
) -> None:
    made = lab(tmp_path, days=4)
    made.run(days=2)
    one = SITE.model_copy(update={"part": part, "from_day": 1})
    decide(made, "exclude", one, **({"not_attacked_from": Block(planned)} if planned is not None else {}))
    made.run(days=2)
    assert made.ran == [f"1 {'refit' if part == 'fit' else 'evaluate'}"]
    made.run(days=3)
    attacked = "not_attacked" not in read_manifest(made.paths.folder("plan", 2)).decisions
    assert attacked == (not again)
