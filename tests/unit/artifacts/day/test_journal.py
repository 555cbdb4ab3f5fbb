"""The rig's journal: what stands after a resume, a torn last line, a bad line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts.day.journal import accepted, read_journal, standing_rows
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import (
    ROW,
    Commanded,
    Continued,
    JournalRow,
    LaunchOpened,
    Paused,
    Presentation,
    PresentationBegun,
    RewardNoted,
    SessionEnded,
    TimeOut,
    TrialBegun,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.presented.codes import codes_sent
from closedloop.errors import DocumentError, SessionError
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


def begun(ordinal: int, *, trial: int) -> PresentationBegun:
    return PresentationBegun(
        ordinal=ordinal,
        trial=trial,
        position=0,
        presentation_index=ordinal,
        code=1 + ordinal,
        time_s=ordinal / 5,
    )


def test_on_a_virtual_clock_a_launch_voids_what_was_begun_and_asked_from_its_beginning_on() -> None:
    launch = segment(1, ordinal=1, trial=1).model_copy(update={"time_s": 1.0})
    before = [
        TrialBegun(trial=0, code=200, time_s=0.0),
        begun(0, trial=0),
        RewardNoted(state="acknowledged", trial=0, duration_ms=80, time_s=1.0),
        Commanded(command="pause", origin="key", time_s=0.5),
    ]
    after = [
        TrialBegun(trial=1, code=201, time_s=1.0),
        begun(1, trial=1),
        RewardNoted(state="given", trial=1, duration_ms=80, time_s=1.5),
        RewardNoted(state="given", trial=None, duration_ms=80, time_s=1.5),
        Paused(by="operator", why="asked", time_s=1.6),
        Continued(time_s=1.7),
    ]
    assert standing_rows([segment(0, ordinal=0, trial=0), *before, *after, launch]) == [
        segment(0, ordinal=0, trial=0),
        *before,
        launch,
    ]
    real = segment(1, ordinal=2, trial=2, clock="real")
    assert len(standing_rows([segment(0, ordinal=0, trial=0, clock="real"), *before, *after, real])) == 12


def test_codes_sent_are_those_of_the_rows_and_those_that_a_kill_left_unsure() -> None:
    first, second = (segment(number, ordinal=0, trial=0, clock="real") for number in (0, 1))
    rows: list[JournalRow] = [
        first,
        TrialBegun(trial=0, code=200, time_s=0.0),
        started(0),
        begun(0, trial=0),
        shown(0, trial=0),
        begun(1, trial=0),  # killed in its first frame
        second,
        TrialBegun(trial=1, code=201, time_s=0.0),  # killed again
    ]
    sent = codes_sent(rows)
    assert [(one.code, one.launch, one.is_certain) for one in sent] == [
        (200, 0, True),
        (1, 0, True),
        (2, 0, False),
        (201, 1, False),
    ]
    assert [one.shown.ordinal if one.shown else None for one in sent] == [None, 0, None, None]
    assert sent[2].time_s == pytest.approx(0.2 + 1 / 60)  # at the frame after it was written


def check(rows: Sequence[JournalRow], folder: Path) -> None:
    place = journal_file(folder, lines_of(rows))
    check_journal(read_journal(place), place)


def counting(number: int = 0, **values: Any) -> LaunchOpened:
    new = {"frame_counter": "oml", "boot_id": "one"} | values
    return segment(number, ordinal=new.pop("ordinal", 0), trial=new.pop("trial", 0), clock="real").model_copy(
        update=new
    )


def grey(row: Presentation, grey_frames: int | None, **values: Any) -> Presentation:
    return row.model_copy(update={"grey_frames": grey_frames} | values)


TRIAL_OF_ONE = [TrialBegun(trial=0, code=200, time_s=0.0), started(0), begun(0, trial=0), grey(shown(0, trial=0), None)]


def test_a_journal_whose_rig_counted_frames_may_have_late_stamps(tmp_path: Path) -> None:
    late = grey(shown(0, trial=0), None, offset_s=0.13)
    check([counting(), *TRIAL_OF_ONE[:3], late, ended(0)], tmp_path)
    with pytest.raises(SessionError, match="line 4: expected frames between onset and offset 6, found 8"):
        check([segment(0, ordinal=0, trial=0), started(0), begun(0, trial=0), late], tmp_path)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([*TRIAL_OF_ONE[:2], begun(1, trial=0)], "line 4: expected ordinal 0, found 1"),
        ([*TRIAL_OF_ONE[:3], grey(shown(1, trial=0), None)], "line 5: expected ordinal 0, found 1"),
        ([*TRIAL_OF_ONE[:3], grey(shown(0, trial=0), None, code=9)], "line 5: expected code 1, found 9"),
        ([*TRIAL_OF_ONE[:3], ended(0)], "line 5: expected what became of presentation 0, found the end of trial 0"),
        (
            [*TRIAL_OF_ONE[:3], grey(shown(0, trial=0), 6)],
            "line 5: expected grey_frames for every image of a trial but its first, found 6",
        ),
        ([TrialBegun(trial=1, code=200, time_s=0.0)], "line 2: expected trial 0, found 1"),
        ([TRIAL_OF_ONE[0], started(1)], "line 3: expected trial 0, found 1"),
        ([Continued(time_s=0.0)], "line 2: expected a pause before, found continued"),
        ([Paused(by="operator", why="", time_s=0.0), TRIAL_OF_ONE[0]], "line 3: expected the end of the pause"),
        (
            [*TRIAL_OF_ONE, Paused(by="operator", why="", time_s=1.0)],
            "line 6: expected the end of trial 0, found pause",
        ),
    ],
)
def test_what_does_not_follow_from_the_rows_before_is_named_by_its_line(
    tmp_path: Path, rows: list[JournalRow], fault: str
) -> None:
    with pytest.raises(SessionError, match=fault):
        check([counting(), *rows], tmp_path)


def test_an_accepted_image_after_a_wrong_grey_is_refused(tmp_path: Path) -> None:
    second = grey(shown(1, trial=0), 7, position=1)
    rows = [counting(), *TRIAL_OF_ONE, begun(1, trial=0).model_copy(update={"position": 1})]
    with pytest.raises(SessionError, match="line 7: expected frames of grey before an accepted image 6, found 7"):
        check([*rows, second], tmp_path)
    check([*rows, grey(second, 7, outcome="rejected", reason="grey_frames_wrong"), ended(0)], tmp_path)


def test_what_a_kill_cut_is_not_begun_again(tmp_path: Path) -> None:
    killed = [counting(), *TRIAL_OF_ONE[:3]]
    with pytest.raises(SessionError, match="line 5: expected first ordinal 1, found 0"):
        check([*killed, counting(1, ordinal=0, trial=1)], tmp_path)
    with pytest.raises(SessionError, match="line 5: expected first trial 1, found 0"):
        check([*killed, counting(1, ordinal=1, trial=0)], tmp_path)
    check([*killed, counting(1, ordinal=1, trial=1)], tmp_path)


def test_the_numbers_of_a_trial_may_be_left_out_after_a_restart_of_the_computer_and_only_then(tmp_path: Path) -> None:
    killed = [counting(), *TRIAL_OF_ONE[:3]]
    check([*killed, counting(1, ordinal=4, trial=2, boot_id="two")], tmp_path)
    with pytest.raises(SessionError, match="expected first ordinal 1, found 4"):
        check([*killed, counting(1, ordinal=4, trial=2)], tmp_path)
