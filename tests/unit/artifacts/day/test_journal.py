"""The rig's journal: what stands after a resume, a torn last line, a bad line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts.day.journal import accepted, read_journal, standing_rows
from closedloop.artifacts.day.journal_rows import (
    ROW,
    JournalRow,
    LaunchOpened,
    Presentation,
    SessionEnded,
    TimeOut,
    TrialEnded,
    TrialStarted,
)
from closedloop.errors import DocumentError
from tests.unit.messages import refused


def segment(number: int, *, ordinal: int, trial: int, clock: Any = "virtual") -> LaunchOpened:
    return LaunchOpened(
        segment=number,
        session_id="s",
        simulated=clock == "virtual",
        display="headless",
        clock=clock,
        refresh_hz=60,
        first_ordinal=ordinal,
        first_trial=trial,
        time_s=0,
        utc=None,
    )


def started(trial: int) -> TrialStarted:
    return TrialStarted(trial=trial, code=200 + trial, time_s=float(trial))


def shown(ordinal: int, *, trial: int, outcome: Any = "accepted") -> Presentation:
    return Presentation(
        ordinal=ordinal,
        trial=trial,
        position=0,
        presentation_index=ordinal,
        image_index=ordinal,
        stimulus_id="x",
        repetition=0,
        code=1 + ordinal,
        onset_s=ordinal / 5,
        offset_s=ordinal / 5 + 0.1,
        planned_on_frames=6,
        on_frames=6,
        planned_off_frames=6,
        outcome=outcome,
        reason=None if outcome == "accepted" else "fixation_broken",
    )


def ended(trial: int, outcome: Any = "completed") -> TrialEnded:
    return TrialEnded(trial=trial, outcome=outcome, reward_ms=120, time_s=trial + 0.9)


TIME_OUT = TimeOut(misses=5, duration_s=2.5, time_s=3)
STOPPED = SessionEnded(outcome="stopped", n_remaining=3, time_s=4)
COMPLETE = SessionEnded(outcome="complete", n_remaining=0, time_s=9)
SESSION = (
    segment(0, ordinal=0, trial=0),
    started(0),
    shown(0, trial=0),
    shown(1, trial=0),
    ended(0),
    TIME_OUT,
    started(1),
    shown(2, trial=1, outcome="rejected"),
    ended(1, "broken"),
)


def lines_of(rows: Sequence[JournalRow]) -> bytes:
    return b"".join(row.model_dump_json().encode() + b"\n" for row in rows)


def journal_file(folder: Path, content: bytes) -> Path:
    (folder / "journal.jsonl").write_bytes(content)
    return folder / "journal.jsonl"


@pytest.mark.parametrize("row", [*SESSION, STOPPED], ids=lambda row: row.event)
def test_every_kind_of_row_is_read_back_as_itself(row: JournalRow) -> None:
    assert ROW.validate_json(row.model_dump_json()) == row


def test_an_undisturbed_journal_stands_whole(tmp_path: Path) -> None:
    content = lines_of([*SESSION, COMPLETE])
    journal = read_journal(journal_file(tmp_path, content))
    assert journal.rows == (*SESSION, COMPLETE)
    assert (journal.n_void, journal.n_torn, journal.n_bytes_whole) == (0, 0, len(content))
    assert [row.ordinal for row in journal.presentations] == [0, 1, 2]
    assert [row.ordinal for row in accepted(journal.rows)] == [0, 1]
    assert journal.ended == COMPLETE


def test_a_line_torn_anywhere_never_happened(tmp_path: Path) -> None:
    whole = lines_of(SESSION)
    last = lines_of([COMPLETE])
    for cut in range(len(last)):
        journal = read_journal(journal_file(tmp_path, whole + last[:cut]))
        assert journal.rows == SESSION
        assert (journal.n_torn, journal.n_bytes_whole) == (int(cut > 0), len(whole))
        assert journal.ended is None


def test_a_first_line_torn_and_an_empty_file_leave_nothing(tmp_path: Path) -> None:
    for content, torn in ((b"", 0), (b'{"event": "segm', 1)):
        journal = read_journal(journal_file(tmp_path, content))
        assert (journal.rows, journal.n_torn, journal.n_bytes_whole) == ((), torn, 0)


def test_on_a_virtual_clock_a_resume_voids_the_unfinished_trial(tmp_path: Path) -> None:
    again = (segment(1, ordinal=2, trial=1), started(1), shown(2, trial=1), ended(1))
    journal = read_journal(journal_file(tmp_path, lines_of([*SESSION, *again])))
    assert journal.rows == (*SESSION[:6], *again)
    assert journal.n_void == 3
    assert len(journal.launches) == 2


def test_a_resume_voids_the_rows_before_it_only() -> None:
    early = segment(1, ordinal=2, trial=1)
    later = (started(2), shown(3, trial=2), ended(2))
    assert standing_rows([*SESSION, early, *later]) == [*SESSION[:6], early, *later]


def test_a_second_resume_voids_what_the_first_one_showed() -> None:
    first = (segment(1, ordinal=2, trial=1), started(1), shown(2, trial=1))
    second = (segment(2, ordinal=1, trial=0), started(0))
    expected = [SESSION[0], SESSION[2], TIME_OUT, first[0], *second]
    assert standing_rows([*SESSION, *first, *second]) == expected


def test_on_a_real_display_a_resume_voids_nothing_but_an_older_stop() -> None:
    real = segment(0, ordinal=0, trial=0, clock="real")
    again = segment(1, ordinal=3, trial=2, clock="real")
    rows = [real, *SESSION[1:], STOPPED, again, started(2), shown(3, trial=2), ended(2), COMPLETE]
    assert standing_rows(rows) == [row for row in rows if row != STOPPED]


def test_what_an_animal_saw_is_never_voided() -> None:
    """A launch on a real clock that begins before what was shown is a wrong line, which `check_journal` names."""
    real = segment(0, ordinal=0, trial=0, clock="real")
    early = segment(1, ordinal=1, trial=0, clock="real")
    rows = [real, *SESSION[1:], early]
    assert standing_rows(rows) == rows


@pytest.mark.parametrize(
    "bad", [b"", b"nonsense", b'{"event": "lunch"}', b'{"event": "time_out", "misses": 1}', b"\x00\x00"]
)
def test_a_whole_line_that_is_no_row_is_named_by_its_number(tmp_path: Path, bad: bytes) -> None:
    path = journal_file(tmp_path, lines_of(SESSION[:3]) + bad + b"\n" + lines_of(SESSION[3:]))
    with refused(DocumentError, f"{path}, line 4: "):
        read_journal(path)


def test_a_missing_journal_says_what_to_run(tmp_path: Path) -> None:
    with refused(DocumentError, tmp_path / "journal.jsonl", "rig present"):
        read_journal(tmp_path / "journal.jsonl")
