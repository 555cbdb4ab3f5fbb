"""Which accepted presentations turn out to be in no recording, by the rows of a journal alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import (
    ROW,
    JournalRow,
    Presentation,
    PresentationBegun,
    RecordingNoted,
    TrialBegun,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.presented.codes import codes_sent
from closedloop.artifacts.day.presented.unrecorded import RecordedSoFar, reject_unrecorded
from closedloop.errors import SessionError
from tests.unit.artifacts.day.test_journal import counting, journal_file, lines_of
from tests.unit.messages import refused


def recorded(
    state: Literal["started", "stopped", "lost"], time_s: float, from_s: float | None = None
) -> RecordingNoted:
    return RecordingNoted(
        state=state, file="one", launch=0, part=1, seen_by="packets", time_s=time_s, unrecorded_from_s=from_s
    )


def trial(number: int, *onsets_s: float, first: int, known_s: float | None = None) -> list[JournalRow]:
    """Return the rows of a trial whose images come on at these times, each accepted."""
    start_s = onsets_s[0] - 0.1
    rows: list[JournalRow] = [
        TrialBegun(trial=number, code=200 + number, time_s=start_s, recorded_until_s=known_s),
        TrialStarted(trial=number, code=200 + number, time_s=start_s),
    ]
    for position, onset_s in enumerate(onsets_s):
        ordinal = first + position
        named: dict[str, Any] = {"ordinal": ordinal, "trial": number, "position": position, "code": 1 + ordinal}
        named |= {"presentation_index": ordinal}
        rows += [
            PresentationBegun(**named, time_s=onset_s - 0.01),
            Presentation(
                **named,
                image_index=0,
                stimulus_id="0" * 16,
                repetition=ordinal,
                onset_s=onset_s,
                offset_s=onset_s + 0.1,
                planned_on_frames=6,
                on_frames=6,
                planned_off_frames=6,
                grey_frames=6 if position else None,
                outcome="accepted",
            ),
        ]
    return [*rows, TrialEnded(trial=number, outcome="completed", reward_ms=0.0, time_s=onsets_s[-1] + 0.2)]


def two_trials(*, known_s: tuple[float | None, float | None] = (0.5, 1.9)) -> list[JournalRow]:
    return [
        counting(),
        recorded("started", 0.2),
        *trial(0, 1.0, 1.2, 1.4, first=0, known_s=known_s[0]),
        *trial(1, 3.0, 3.2, 3.4, first=3, known_s=known_s[1]),
    ]


def ordinals(rows: list[JournalRow]) -> list[int]:
    return [row.ordinal for row in accepted(reject_unrecorded(rows))]


@pytest.mark.parametrize(
    ("from_s", "kept"),
    [
        (3.9, [0, 1, 2, 3, 4, 5]),  # half a second after the last onset
        (3.89, [0, 1, 2, 3, 4]),
        (3.0, [0, 1, 2]),
        (1.9, [0, 1, 2]),
        (None, [0, 1, 2, 3, 4, 5]),  # an older rig, or nobody can know
    ],
)
def test_what_needs_the_recording_after_it_was_known_to_be_on_is_rejected(
    from_s: float | None, kept: list[int]
) -> None:
    assert ordinals([*two_trials(), recorded("lost", 4.5, from_s)]) == kept


def test_an_end_that_nobody_saw_may_be_in_doubt_too() -> None:
    assert ordinals([*two_trials(), recorded("stopped", 4.5, 3.0)]) == [0, 1, 2]


def test_what_was_known_as_a_trial_began_stays() -> None:
    assert ordinals([*two_trials(known_s=(0.5, 1.85)), recorded("lost", 4.5, 0.3)]) == [0, 1]


def test_another_recording_is_another_matter() -> None:
    rows = [*two_trials(), recorded("stopped", 4.5), recorded("started", 4.6), recorded("lost", 9.0, 0.0)]
    assert ordinals(rows) == [0, 1, 2, 3, 4, 5]


def test_a_launch_that_is_killed_leaves_in_doubt_what_came_after_it_was_known_last() -> None:
    again = counting(1, ordinal=6, trial=2, time_s=20.0)
    assert ordinals([*two_trials(), again]) == [0, 1, 2]
    assert ordinals(two_trials()) == [0, 1, 2, 3, 4, 5]  # until somebody goes on, nobody asks
    assert ordinals([*two_trials(known_s=(None, None)), again]) == [0, 1, 2, 3, 4, 5]
    assert ordinals([*two_trials(), recorded("stopped", 4.5), again]) == [0, 1, 2, 3, 4, 5]


def test_rejecting_twice_is_rejecting_once() -> None:
    rows = reject_unrecorded([*two_trials(), recorded("lost", 4.5, 3.0)])
    assert reject_unrecorded(rows) == rows
    assert [row.reason for row in rows if isinstance(row, Presentation)] == [None] * 3 + ["not_recorded"] * 3


def test_a_journal_is_read_with_what_was_found_out_later_and_agrees_with_itself(tmp_path: Path) -> None:
    place = journal_file(tmp_path, lines_of([*two_trials(), recorded("lost", 4.5, 3.0)]))
    journal = read_journal(place)
    check_journal(journal, place)
    assert [row.outcome for row in journal.presentations] == ["accepted"] * 3 + ["rejected"] * 3


def test_codes_sent_in_that_time_may_be_in_no_file() -> None:
    rows = [*two_trials(), recorded("lost", 4.5, 3.1)]
    certain = {one.code: one.is_certain for one in codes_sent(rows)}
    assert [code for code, is_certain in certain.items() if not is_certain] == [5, 6]


def test_what_waits_for_the_recording_is_forgotten_once_it_is_known_to_be_recorded() -> None:
    so_far = RecordedSoFar()
    for row in two_trials():
        so_far.note(row)
    assert so_far.needed_until_s == pytest.approx(3.9)
    so_far.note(TrialBegun(trial=2, code=202, time_s=4.5, recorded_until_s=4.4))
    assert so_far.needed_until_s is None


@pytest.mark.parametrize(
    "row", [recorded("lost", 4.5, 4.6), TrialBegun(trial=2, code=202, time_s=4.5, recorded_until_s=9)]
)
def test_nobody_knows_what_is_yet_to_come(tmp_path: Path, row: JournalRow) -> None:
    place = journal_file(tmp_path, lines_of([*two_trials(), row]))
    with refused(SessionError, place, "expected the recorder to be known to have recorded up to 4.500000 s at most"):
        check_journal(read_journal(place), place)


def test_a_row_says_nothing_of_what_nobody_can_know() -> None:
    assert b"unrecorded" not in ROW.dump_json(recorded("lost", 4.5))
    assert b"recorded_until" not in ROW.dump_json(TrialBegun(trial=0, code=200, time_s=0.0))
