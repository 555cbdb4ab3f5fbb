"""How long a stage and the rest of its day still take: by earlier days, by its own pace, or unknown."""

from __future__ import annotations

from typing import Any

import pytest

from closedloop.study.ledger import StageRecord
from closedloop.study.process.notes import ProgressNote
from closedloop.study.process.time_left import (
    DayTimeLeft,
    StageTimeLeft,
    day_left,
    expected_s,
    seconds_of,
    stage_left,
    stages_to_come,
)

NOW = 10_000.0


def done(day: int, stage: str, seconds: float | None, **changes: Any) -> StageRecord:
    return StageRecord(
        **{"day": day, "stage": stage, "seconds": seconds, "state": "done", "attempt": 1} | _REST | changes
    )


_REST = {"input_hash": "h", "owner": "here:1", "error": None}


def working(*, began: float, since: float, moved: float = 0.0, counted: tuple[int, int, int]) -> ProgressNote:
    """Return a note of a stage at work, all times in seconds before now; counted from, done, in all."""
    first, n_done, total = counted
    return ProgressNote(3, "synthesize", n_done, total, NOW - began, NOW - moved, NOW - since, first, is_working=True)


def left(note: ProgressNote | None, whole_s: float | None) -> StageTimeLeft:
    return stage_left(note, now=NOW, whole_s=whole_s, stage="synthesize")


def test_a_stage_takes_as_long_as_on_the_last_days_one_that_was_out_of_the_way_aside() -> None:
    taken = {(day, "ingest"): seconds for day, seconds in enumerate([3, 25, 3, 4, 2])}
    assert expected_s(taken, day=5, stage="ingest") == 3
    assert expected_s(taken, day=1, stage="ingest") == 3  # day 0 where there is nothing else
    assert expected_s(taken, day=2, stage="ingest") == 25  # and never beside another day
    assert expected_s(taken, day=0, stage="ingest") is None
    assert expected_s(taken, day=5, stage="queue") is None


def test_a_refit_takes_longer_by_each_day_that_it_fits() -> None:
    assert expected_s({(1, "refit"): 100, (2, "refit"): 150}, day=5, stage="refit") == 300
    assert expected_s({(0, "refit"): 50}, day=1, stage="refit") == 100


def test_the_rest_of_a_resumed_stage_tells_nothing_of_its_whole() -> None:
    records = [
        done(1, "refit", 3.0, attempt=2),
        done(1, "ingest", 5.0),
        done(1, "plan", 2.0, attempt=0),  # from the manifest, where the ledger was lost
        done(1, "evaluate", None, state="running"),
        done(1, "present", 0.0),  # a person did it
    ]
    assert seconds_of(records) == {(1, "ingest"): 5.0, (1, "plan"): 2.0}


def test_by_its_own_pace_a_stage_that_did_a_quarter_in_a_minute_takes_three() -> None:
    note = working(began=100, since=60, counted=(0, 10, 40))
    assert left(note, None) == StageTimeLeft("synthesize", 180.0, "its own pace")
    assert left(note, 200.0) == StageTimeLeft("synthesize", 180.0, "its own pace")


def test_what_an_attempt_before_had_done_tells_nothing_of_the_pace() -> None:
    assert left(working(began=100, since=60, counted=(20, 30, 40)), None).left_s == 60.0


def test_the_time_since_the_note_counts_as_passed() -> None:
    assert left(working(began=100, since=70, moved=10, counted=(0, 10, 40)), None).left_s == 170.0


def test_while_inputs_are_read_earlier_days_tell_and_else_nobody() -> None:
    reading = ProgressNote(3, "synthesize", 90, 100, NOW - 30, NOW, NOW - 30)
    assert left(reading, 600.0) == StageTimeLeft("synthesize", 570.0, "earlier days")
    assert left(reading, None) == StageTimeLeft("synthesize", None, "unknown")


def test_the_end_of_a_first_count_is_not_taken_for_the_stage_s_end() -> None:
    """Evaluation counts one group of attacks after another."""
    first_of_two = working(began=50, since=50, counted=(0, 39, 40))
    assert left(first_of_two, 600.0) == StageTimeLeft("synthesize", 550.0, "earlier days")


def test_a_pace_slower_than_on_earlier_days_is_believed() -> None:
    assert left(working(began=700, since=700, counted=(0, 7, 40)), 600.0).left_s == 3300.0


@pytest.mark.parametrize("counted", [(0, 0, 40), (5, 5, 40), (0, 1, 1000), (0, 0, 0)])
def test_too_little_was_counted_for_a_pace(counted: tuple[int, int, int]) -> None:
    assert left(working(began=100, since=60, counted=counted), None).basis == "unknown"


def test_a_stage_that_counts_nothing_and_takes_longer_than_ever_is_unknown() -> None:
    assert left(ProgressNote(3, "queue", 0, 0, NOW - 30, NOW - 30, NOW - 30), 20.0).basis == "unknown"
    assert left(None, 20.0) == StageTimeLeft("synthesize", 20.0, "earlier days")


@pytest.mark.parametrize(
    ("stage", "last", "simulated", "to_come"),
    [
        ("plan", False, False, ("synthesize", "schedule")),
        ("schedule", False, False, ()),
        ("recording", False, False, ("ingest", "refit", "evaluate", "queue")),
        ("evaluate", True, False, ()),
        ("schedule", True, True, ("present", "recording", "ingest", "refit", "evaluate")),
        ("start", False, True, ()),
    ],
)
def test_a_day_goes_on_until_a_person_is_needed(
    stage: str, last: bool, simulated: bool, to_come: tuple[str, ...]
) -> None:
    assert stages_to_come(stage, is_last_day=last, simulated=simulated) == to_come


def of_day(records: list[StageRecord], note: ProgressNote | None) -> DayTimeLeft:
    return day_left(records, note, day=2, stage="ingest", now=NOW, is_last_day=False, simulated=False)


def test_the_rest_of_the_day_is_the_sum_of_its_stages_and_unknown_where_one_is() -> None:
    records = [done(1, name, seconds) for name, seconds in [("ingest", 40), ("refit", 80), ("evaluate", 30)]]
    note = ProgressNote(2, "ingest", 0, 0, NOW - 10, NOW, NOW - 10)
    rest = of_day(records, note)
    assert rest.running == StageTimeLeft("ingest", 30.0, "earlier days")
    assert [(one.stage, one.left_s) for one in rest.to_come] == [("refit", 120.0), ("evaluate", 30.0), ("queue", None)]
    assert rest.left_s is None
    assert of_day([*records, done(1, "queue", 1.0)], note).left_s == 181.0
