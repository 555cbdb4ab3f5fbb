"""What of a session counts nowhere, by whom it was left out, and which reports it concerns."""

from __future__ import annotations

from typing import Any

import pytest

from closedloop.artifacts.amended.exclusions import Exclusion, LeftOutOf, noted
from closedloop.artifacts.amended.uncounted import session_to_compare_with, uncounted, uncounted_at_intake
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block, BlockSequence

DAYS = BlockSequence()


def excluded(*things: dict[str, Any], part: LeftOutOf | None = None, who: str = "Ada", kind: str = "exclude") -> Any:
    """Return a line that leaves things out of a part, of both by default."""
    parts: tuple[LeftOutOf, ...] = ("fit", "evaluation") if part is None else (part,)
    made = [Exclusion.model_validate({"from_day": 0, "part": one, **thing}) for thing in things for one in parts]
    said = {"kind": kind, "simulated": False, "day": None, "utc": "2026-11-29T07:00:00+00:00", "who": who, "why": "x"}
    return Amendment.model_validate({**said, "after" if kind == "exclude" else "before": noted(made)})


def site(name: str, **values: Any) -> dict[str, Any]:
    return {"thing": "site", "name": name, **values}


def stretch(day: int, first: int, last: int, **values: Any) -> dict[str, Any]:
    return {"thing": "presentations", "from_day": day, "to_day": day, "first": first, "last": last, **values}


def a_day(day: int, **values: Any) -> dict[str, Any]:
    return {"thing": "day", "from_day": day, "to_day": day, **values}


ARRAY = {"thing": "array", "name": "left", "from_day": 2}


def test_what_is_left_out_of_one_part_still_counts() -> None:
    lines = [excluded(site("left-001"), part="fit")]
    assert uncounted(lines, Block(3)).who == {}
    assert uncounted(lines, Block(3), ("fit",)).covers_site("left-001")
    assert not uncounted(lines, Block(3), ("evaluation",)).covers_site("left-001")


def test_a_site_and_its_array_left_out_of_a_part_each_are_left_out_of_both_by_two_people() -> None:
    lines = [excluded(ARRAY, part="fit"), excluded(site("left-001"), part="evaluation", who="Eve")]
    out = uncounted(lines, Block(2))
    assert [out.covers_site(name) for name in ("left-001", "left-002")] == [True, False]
    assert out.note(["left-001", "left-002", "right-001"]) == "1 left out by Ada and Eve"
    assert uncounted(lines, Block(1)).who == {}


def test_an_array_whose_name_begins_as_anothers_is_another() -> None:
    lines = [excluded({**ARRAY, "name": "left-2"}, part="fit"), excluded(ARRAY, part="evaluation")]
    assert uncounted(lines, Block(2)).who == {}


def test_stretches_that_overlap_have_that_in_common() -> None:
    lines = [excluded(stretch(1, 10, 30), part="fit"), excluded(stretch(1, 20, 50), part="evaluation")]
    assert uncounted(lines, Block(1)).stretches == ((20, 30),)
    assert uncounted([lines[0], excluded(a_day(1), part="evaluation")], Block(1)).stretches == ((10, 30),)
    apart = [lines[0], excluded(stretch(1, 31, 50), part="evaluation")]
    assert uncounted(apart, Block(1)).who == {}


def test_presentations_are_of_one_session_and_a_day_is_of_all() -> None:
    lines = [
        excluded(stretch(1, 0, 9)),
        excluded(stretch(1, 5, 6, block=2)),
        excluded(a_day(2)),
        excluded(a_day(3, block=2)),
    ]
    assert uncounted(lines, Block(1)).stretches == ((0, 9),)
    assert uncounted(lines, Block(1, 2)).stretches == ((5, 6),)
    whole = [Block(2), Block(2, 2), Block(3), Block(3, 2)]
    assert [uncounted(lines, one).is_whole for one in whole] == [True, True, False, True]


def test_who_left_something_out_first_is_told_until_it_counts_again() -> None:
    first, second = excluded(site("a-1")), excluded(site("a-1"), site("a-2"), who="Eve")
    back = excluded(site("a-1"), kind="include")
    assert uncounted([first, second], Block(0)).note(["a-1"]) == "1 left out by Ada"
    assert uncounted([first, second], Block(0)).note(["a-1", "a-2"]) == "2 left out by Ada and Eve"
    assert uncounted([first, back, second], Block(0)).note(["a-1"]) == "1 left out by Eve"
    assert uncounted([first, back], Block(0)).as_text() == ""


def test_a_session_is_compared_with_the_last_one_that_counts() -> None:
    days = BlockSequence(added=frozenset({Block(1, 2)}))
    lines = [excluded(a_day(1, block=2))]
    assert session_to_compare_with([], days, Block(2)) == Block(1, 2)
    assert session_to_compare_with(lines, days, Block(2)) == Block(1)
    assert session_to_compare_with([excluded(a_day(1))], days, Block(2)) == Block(0)
    nothing_counts = [excluded(a_day(0), a_day(1))]
    assert session_to_compare_with(nothing_counts, days, Block(2)) == Block(1, 2)


@pytest.mark.parametrize(
    ("thing", "concerned"),
    [
        (site("left-001", from_day=2), {2, 3, 4, 5}),
        (site("left-001", from_day=2, to_day=2), {2, 3}),  # the day after is compared with it
        (stretch(2, 0, 9), {2, 3}),
        (stretch(0, 0, 9), {0, 1, 2, 3, 4, 5}),  # what all days are compared with
        (a_day(2), {2, 3}),  # day 3 is compared with day 1 instead
        (stretch(2, 0, 9, block=2), set()),  # of a session that there is not
    ],
)
def test_a_report_is_concerned_where_its_session_or_one_that_it_is_compared_with_is(
    thing: dict[str, Any], concerned: set[int]
) -> None:
    lines = [excluded(thing)]
    found = {day for day in range(6) if any(uncounted_at_intake(lines, DAYS, Block(day)).values())}
    assert found == concerned
    of_a_part = [excluded(thing, part="fit")]
    assert not any(value for day in range(6) for value in uncounted_at_intake(of_a_part, DAYS, Block(day)).values())


def test_other_days_of_the_same_exclusion_make_no_difference() -> None:
    wide, narrow = [excluded(site("a-1", from_day=1))], [excluded(site("a-1", from_day=2, to_day=4))]
    assert uncounted(wide, Block(3)).as_text() == uncounted(narrow, Block(3)).as_text() != ""
