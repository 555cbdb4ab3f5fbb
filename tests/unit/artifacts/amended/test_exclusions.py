"""What is left out, from the lines that say so, and what of it each stage and day is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from closedloop.artifacts.amended.decided import DecisionName, decided
from closedloop.artifacts.amended.exclusions import (
    Exclusion,
    exclusions,
    from_text,
    left_out,
    not_attacked,
    noted,
    said,
    said_of_all,
)
from closedloop.artifacts.amended.words import what_does_not_count
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block
from closedloop.errors import DocumentError
from tests.unit.messages import refused


def line(kind: str, *, day: int | None = None, **values: dict[str, str]) -> Amendment:
    common = {"simulated": False, "day": day, "utc": "2026-11-29T07:00:00+00:00", "who": "A", "why": "dead"}
    return Amendment.model_validate({"kind": kind, **common, **values})


def site(**values: Any) -> Exclusion:
    return Exclusion.model_validate({"part": "fit", "thing": "site", "name": "left-003", "from_day": 0} | values)


def test_what_is_taken_back_leaves_nothing_behind() -> None:
    both = [site(), site(part="evaluation")]
    excluded = line("exclude", after=noted(both, not_attacked_from=Block(2)))
    assert set(exclusions([excluded])) == set(both)
    assert exclusions([excluded, line("include", before=noted(both[:1]))]) == (both[1],)
    taken_back = [excluded, line("include", before=noted(both))]
    assert exclusions(taken_back) == ()
    names: tuple[DecisionName, ...] = ("left_out_of_fit", "left_out_of_evaluation", "not_attacked")
    assert decided(taken_back, names, session=Block(5)) == {}
    assert set(decided([excluded], names, session=Block(5))) == set(names)


def test_the_order_of_decisions_decides_nothing() -> None:
    one, other = (line("exclude", after=noted([site(name=name)])) for name in ("left-003", "left-001"))
    texts = [decided(lines, ["left_out_of_fit"], session=Block(0)) for lines in ((one, other), (other, one))]
    assert texts[0] == texts[1]
    assert [each["name"] for each in json.loads(texts[0]["left_out_of_fit"])] == ["left-001", "left-003"]


def test_a_fit_has_all_days_so_far_and_an_evaluation_its_own() -> None:
    things = [site(from_day=1, to_day=1), site(from_day=1, to_day=1, part="evaluation")]
    lines = [line("exclude", after=noted(things))]
    names: tuple[DecisionName, ...] = ("left_out_of_fit", "left_out_of_evaluation")
    assert [sorted(decided(lines, names, session=Block(day))) for day in range(3)] == [
        [],
        sorted(names),
        ["left_out_of_fit"],
    ]
    assert left_out(lines, "fit", until=Block(0)) == ()


def test_a_site_is_attacked_until_the_day_that_was_not_planned_and_again_where_that_is_decided() -> None:
    out = site(part="evaluation", from_day=1)
    stops, goes_on = (line("exclude", after=noted([out], not_attacked_from=since)) for since in (Block(3), None))
    assert [len(not_attacked([stops], session=Block(day))) for day in range(5)] == [0, 0, 0, 1, 1]
    assert not_attacked([stops, goes_on], session=Block(4)) == ()
    assert not_attacked([stops, line("include", before=noted([out]))], session=Block(4)) == ()


def test_an_array_covers_its_sites_alone() -> None:
    array = site(thing="array", name="left")
    assert [array.covers_site(name) for name in ("left-003", "left-2-003", "right-003")] == [True, False, False]


def test_words_are_those_a_person_would_use() -> None:
    assert [
        said(one) for one in (site(), site(from_day=2), site(from_day=2, to_day=2), site(from_day=1, to_day=3))
    ] == [
        "site left-003",
        "site left-003 from day 2 on",
        "site left-003 on day 2",
        "site left-003 on days 1 to 3",
    ]
    stretch = {"from_day": 2, "to_day": 2, "name": ""}
    assert said(site(thing="day", **stretch)) == "day 2"
    assert said(site(thing="presentations", first=3, last=9, **stretch)) == "presentations 3 to 9 of day 2"
    assert said_of_all([site(part="evaluation"), site()]) == ("site left-003: left out of the fit and the evaluation",)


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"part": "fit"}]', "["])
def test_other_text_is_refused(text: str) -> None:
    with refused(DocumentError, "somewhere"):
        from_text(text, place="somewhere")


def test_a_closed_day_is_told_until_it_is_opened_again() -> None:
    counts = {"journal_sha256": "a" * 64, "n_shown": "14", "n_not_shown": "126"}
    closed = line("close_day", day=1, after=counts)
    names: tuple[DecisionName, ...] = ("closed", "closed_until")
    assert [sorted(decided([closed], names, session=Block(day))) for day in range(3)] == [
        [],
        sorted(names),
        ["closed_until"],
    ]
    assert what_does_not_count([closed]) == ("day 1 ended early: 14 of 140 presentations were shown",)
    assert decided([closed, line("reopen_day", day=1)], names, session=Block(1)) == {}
    with refused(DocumentError, "amendments.jsonl, close_day of day 1", "found nothing"):
        decided([line("close_day", day=1)], names, session=Block(1))
