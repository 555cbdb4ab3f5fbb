"""Killed anywhere, resumed: the rows that stand are those of an undisturbed run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.journal_rows import LaunchOpened, Presentation, TrialEnded, TrialStarted
from closedloop.errors import DocumentError, SessionError
from rig.apparatus import Launch
from rig.launch import present_session, run_launch
from rig.machine.state import MAX_DROPS_IN_A_ROW, replay
from rig.session.folder import open_session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest
from tests.equipment.processes import Child


def launch(folder, out, **options):
    return Launch(session=folder, out=out, display="headless", **options)


def run(folder, out, **options):
    return run_launch(launch(folder, out, **options), stop=StopRequest(), on_trial=lambda state, now_s: None)


def resume(session, out):
    order = launch(session.folder, out, resume=True)
    return present_session(session, order, stop=StopRequest(), on_trial=lambda state, now_s: None)


def standing(out):
    return [row for row in read_journal(out / "journal.jsonl").rows if not isinstance(row, LaunchOpened)]


def tear(whole, torn, n_bytes):
    torn.mkdir(exist_ok=True)
    (torn / "journal.jsonl").write_bytes((whole / "journal.jsonl").read_bytes()[:n_bytes])


@pytest.fixture
def whole(make_session, tmp_path):
    """An undisturbed run with every kind of row: misses are frequent and two in a row cost a pause."""
    trial = {"presentations_per_trial": 3, "misses_before_time_out": 2}
    folder = make_session(n_presentations=5, trial=trial, ignore=0.3, leave=0.9)
    run(folder, tmp_path / "whole")
    rows = read_journal(tmp_path / "whole" / "journal.jsonl").rows
    assert {"fixation_broken", None} == {row.reason for row in rows if isinstance(row, Presentation)}
    assert {"time_out", "trial_ended", "session_ended"} <= {row.event for row in rows}
    return open_session(folder)


def complete_from(session, whole, torn, n_bytes):
    tear(whole, torn, n_bytes)
    resume(session, torn)
    return standing(torn)


@pytest.mark.slow
def test_a_journal_cut_in_or_between_any_rows_is_completed_to_the_undisturbed_one(whole, tmp_path):
    content, expected = (tmp_path / "whole" / "journal.jsonl").read_bytes(), standing(tmp_path / "whole")
    ends = [place + 1 for place, byte in enumerate(content) if byte == ord("\n")]
    for end in ends:
        for n_bytes in (end - 40, end - 1, end):
            assert complete_from(whole, tmp_path / "whole", tmp_path / "torn", n_bytes) == expected, n_bytes


@pytest.mark.slow
def test_a_journal_cut_at_any_byte_of_a_row_of_each_kind_is_gone_on_with_as_if_the_row_had_not_been_begun(
    whole, tmp_path
):
    """What a launch shows follows from the rows it reads, what it writes from the file's end: both are compared here.

    The test above presents from the end of each row; so every byte of these rows is a place that is gone on from.
    """
    content = (tmp_path / "whole" / "journal.jsonl").read_bytes()
    lines = content.splitlines(keepends=True)
    kinds = {}
    for number, line in enumerate(lines):
        kinds.setdefault(json.loads(line)["event"], number)
    assert {"segment_opened", "trial_begun", "presentation", "time_out", "session_ended"} <= kinds.keys()
    torn = tmp_path / "torn" / "journal.jsonl"
    for number in kinds.values():
        begin = len(b"".join(lines[:number]))
        tear(tmp_path / "whole", torn.parent, begin)
        before = read_journal(torn)
        for n_bytes in range(begin + 1, begin + len(lines[number])):
            tear(tmp_path / "whole", torn.parent, n_bytes)
            found = read_journal(torn)
            assert replace(found, n_torn=0) == before, n_bytes
            with JournalWriter(torn) as writer:
                writer.go_on(found)
            # nothing is left of a journal without a row
            assert (torn.read_bytes() if torn.exists() else b"") == content[:begin], n_bytes


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.floats(0, 1), min_size=1, max_size=4), seed=st.integers(0, 10**6))
def test_a_session_killed_again_and_again_ends_like_an_undisturbed_one(scripted_rig, cuts, seed):
    session = scripted_rig(n_presentations=40, seed=seed, leave=0.4).session
    whole, torn = session.folder.parent / "whole", session.folder.parent / "torn"
    resume(session, whole)
    for cut in cuts:
        if not (torn / "journal.jsonl").exists():
            tear(whole, torn, round(cut * (whole / "journal.jsonl").stat().st_size))
        else:
            tear(torn, torn, round(cut * (torn / "journal.jsonl").stat().st_size))
        resume(session, torn)
    assert standing(torn) == standing(whole)


@pytest.mark.parametrize("n_trials", [1, 4])
def test_a_stopped_session_resumed_ends_like_an_undisturbed_one(make_session, tmp_path, n_trials):
    folder, stop = make_session(n_presentations=30), StopRequest()
    run(folder, tmp_path / "whole")

    def after_trial(state, now_s):
        if state.next_trial == n_trials:
            stop.ask()

    summary, _ = run_launch(launch(folder, tmp_path / "stopped"), stop=stop, on_trial=after_trial)
    assert summary.outcome == "stopped"
    summary, was_complete = run(folder, tmp_path / "stopped", resume=True)
    assert (summary.outcome, summary.n_segments, was_complete) == ("complete", 2, False)
    assert standing(tmp_path / "stopped") == standing(tmp_path / "whole")


def test_a_process_killed_in_the_middle_resumes_to_the_undisturbed_journal(make_session, tmp_path):
    folder = make_session(n_presentations=600)
    run(folder, tmp_path / "whole")
    journal = tmp_path / "killed" / "journal.jsonl"
    command = [
        sys.executable,
        "-m",
        "rig",
        "present",
        str(folder),
        "--display",
        "headless",
        "--out",
        str(journal.parent),
    ]
    with Child([*command, "--resume"], stderr=subprocess.DEVNULL) as process:
        while not journal.exists() or journal.stat().st_size < 20_000:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert len(read_journal(journal).presentations) < 600
    run(folder, journal.parent, resume=True)
    assert standing(journal.parent) == standing(tmp_path / "whole")
    assert len(read_journal(journal).launches) == 2


def test_a_journal_is_not_overwritten_without_resume(make_session, tmp_path):
    folder = make_session(n_presentations=12)
    run(folder, tmp_path / "out")
    tear(tmp_path / "out", tmp_path / "out", 900)
    with pytest.raises(SessionError, match=r"expected no journal, found one.*--resume"):
        run(folder, tmp_path / "out")
    assert (tmp_path / "out" / "journal.jsonl").stat().st_size == 900


def test_a_complete_session_is_left_as_it_is(make_session, tmp_path):
    folder = make_session(n_presentations=12)
    first, _ = run(folder, tmp_path / "out")
    before = (tmp_path / "out" / "journal.jsonl").read_bytes()
    again, was_complete = run(folder, tmp_path / "out", resume=True)
    assert (was_complete, again) == (True, first)
    assert (tmp_path / "out" / "journal.jsonl").read_bytes() == before


def test_a_summary_that_a_killed_rig_half_wrote_goes_when_it_is_written_again(make_session, tmp_path):
    folder = make_session(n_presentations=12)
    run(folder, tmp_path / "out")
    (tmp_path / "out" / ".summary.json.4711.tmp").write_bytes(b"{")
    run(folder, tmp_path / "out", resume=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"journal.jsonl", "summary.json"}


def test_a_lost_summary_is_written_again(make_session, tmp_path):
    folder = make_session(n_presentations=12)
    run(folder, tmp_path / "out")
    before = (tmp_path / "out" / "summary.json").read_bytes()
    (tmp_path / "out" / "summary.json").unlink()
    run(folder, tmp_path / "out", resume=True)
    assert (tmp_path / "out" / "summary.json").read_bytes() == before


def test_the_journal_of_another_session_is_refused(make_session, tmp_path):
    run(make_session("one", n_presentations=12), tmp_path / "out")
    tear(tmp_path / "out", tmp_path / "out", 2000)
    with pytest.raises(SessionError, match=r"expected the journal of study/day-01, found that of study/day-00"):
        run(make_session("two", n_presentations=12, session_id="study/day-01"), tmp_path / "out", resume=True)


def test_the_whole_journal_of_another_session_does_not_stand_for_this_one(make_session, tmp_path):
    run(make_session("one", n_presentations=12), tmp_path / "out")
    other = make_session("two", n_presentations=12, session_id="study/day-01")
    with pytest.raises(SessionError, match=r"expected the journal of study/day-01, found that of study/day-00"):
        run(other, tmp_path / "out", resume=True)


def test_a_journal_with_a_line_missing_is_not_resumed(make_session, tmp_path):
    folder = make_session(n_presentations=30)
    run(folder, tmp_path / "out")
    journal = tmp_path / "out" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:6], *lines[7:20]]))
    with pytest.raises(DocumentError, match=r"journal.jsonl, line 7: .* line 7 is missing"):
        run(folder, tmp_path / "out", resume=True)


def test_the_chain_goes_on_over_a_resume_and_its_torn_line(make_session, tmp_path):
    folder = make_session(n_presentations=30)
    run(folder, tmp_path / "out")
    tear(tmp_path / "out", tmp_path / "out", 4000)
    run(folder, tmp_path / "out", resume=True)
    journal = read_journal(tmp_path / "out" / "journal.jsonl")
    assert (journal.is_chained, len(journal.launches), journal.n_torn) == (True, 2, 0)
    assert journal.n_void > 0
    assert {(one.gaze, one.codes, tuple(one.versions)) for one in journal.launches} == {
        ("scripted", "file", ("rig", "python"))
    }


def test_the_journal_of_another_order_is_refused(make_session, tmp_path):
    run(make_session("one", n_presentations=12, leave=0.0, ignore=0.0), tmp_path / "out")
    tear(tmp_path / "out", tmp_path / "out", 6500)
    with pytest.raises(SessionError, match=r"line 18: expected image 0, .*, found image 5, .* another session folder"):
        run(make_session("two", n_presentations=12, n_images=5), tmp_path / "out", resume=True)


def real_rows(rows):
    return [row.model_copy(update={"clock": "real"}) if isinstance(row, LaunchOpened) else row for row in rows]


def test_on_a_real_clock_an_unfinished_trial_counts_as_shown(make_session, tmp_path):
    folder = make_session(n_presentations=12, leave=0.0, ignore=0.0)
    run(folder, tmp_path / "out")
    session, rows = open_session(folder), real_rows(read_journal(tmp_path / "out" / "journal.jsonl").rows)
    cut = next(i for i, row in enumerate(rows) if isinstance(row, Presentation) and row.ordinal == 4)
    state = replay(session, rows[: cut + 1])
    assert (state.next_ordinal, state.next_trial, state.n_accepted) == (5, 2, 5)
    assert state.queue == list(range(5, 12))


def test_on_a_real_clock_the_image_that_was_up_at_a_stop_is_shown_later(make_session, tmp_path):
    folder = make_session(n_presentations=12, leave=0.0, ignore=0.0)
    run(folder, tmp_path / "out")
    session, rows = open_session(folder), real_rows(read_journal(tmp_path / "out" / "journal.jsonl").rows)
    cut = next(i for i, row in enumerate(rows) if isinstance(row, Presentation) and row.ordinal == 4)
    stopped = rows[cut].model_copy(update={"outcome": "rejected", "reason": "session_stopped", "on_frames": 2})
    ended = TrialEnded(trial=1, outcome="stopped", reward_ms=0.0, time_s=stopped.offset_s)
    state = replay(session, [*rows[:cut], stopped, ended])
    assert state.queue[0] == 5
    assert sorted(state.queue) == list(range(4, 12))
    assert state.misses == 0


def test_dropped_frames_of_an_earlier_launch_do_not_end_the_next(make_session, tmp_path):
    folder = make_session(n_presentations=60, leave=0.0, ignore=0.0)
    run(folder, tmp_path / "out")
    session, rows = open_session(folder), real_rows(read_journal(tmp_path / "out" / "journal.jsonl").rows)
    launches, dropped = [], MAX_DROPS_IN_A_ROW - 1
    state = replay(session, rows[:1])
    for ordinal in range(dropped):
        launches += [TrialStarted(trial=ordinal, code=200, time_s=0.0), drop(session, state, ordinal)]
        state = replay(session, [rows[0], *launches])
    assert state.drops_in_a_row == dropped
    assert replay(session, [rows[0], *launches, rows[0]]).drops_in_a_row == 0


def drop(session, state, ordinal):
    planned = session.planned[state.queue[0]]
    return Presentation(
        ordinal=ordinal,
        trial=ordinal,
        position=0,
        presentation_index=planned.presentation_index,
        image_index=planned.image_index,
        stimulus_id=planned.stimulus_id,
        repetition=planned.repetition,
        code=1,
        onset_s=0.0,
        offset_s=0.0,
        planned_on_frames=6,
        on_frames=7,
        planned_off_frames=6,
        outcome="rejected",
        reason="frames_dropped",
    )


def test_a_session_given_up_for_its_display_can_be_resumed(make_rig, tmp_path):
    rig = make_rig(n_presentations=60, leave=0.0, ignore=0.0)
    rig.dropped_frames = range(100_000)
    with pytest.raises(SessionError, match="Close other programs"):
        rig.run()
    assert (rig.journal.ended.outcome, rig.journal.ended.n_remaining) == ("stopped", 60)
    state = replay(rig.session, real_rows(rig.journal.rows))
    assert state.n_accepted == 0
    assert sorted(state.queue) == list(range(60))


def test_accepted_rows_are_counted_once_over_all_launches(make_session, tmp_path):
    folder = make_session(n_presentations=30)
    run(folder, tmp_path / "out")
    tear(tmp_path / "out", tmp_path / "out", 4000)
    summary, _ = run(folder, tmp_path / "out", resume=True)
    assert summary.n_accepted == 30
    rows = accepted(read_journal(tmp_path / "out" / "journal.jsonl").rows)
    assert sorted(row.presentation_index for row in rows) == list(range(30))
