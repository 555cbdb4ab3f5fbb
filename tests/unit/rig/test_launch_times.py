"""Reboots between launches: clocks begin anew, durations add up, and times of two starts are never compared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.artifacts.day.journal import journal_bytes, read_journal
from closedloop.artifacts.day.journal_checks import check_journal, check_summary
from closedloop.artifacts.day.journal_rows import LaunchOpened, Presentation
from closedloop.artifacts.day.session_summary import summarize
from closedloop.errors import SessionError
from rig.apparatus import Launch
from rig.launch import run_launch, was_cut_by_power
from rig.session import boot
from rig.session.folder import open_session
from rig.stop import StopRequest

FIRST_S, STOPPED_S, SECOND_S = 90_000.0, 90_010.0, 12.0


def present(folder, out, *, stop_after=None, resume=False):
    stop = StopRequest()

    def after_trial(state, now_s):
        if state.next_trial == stop_after:
            stop.ask()

    run_launch(Launch(session=folder, out=out, display="headless", resume=resume), stop=stop, on_trial=after_trial)


def moved(row, by_s):
    names = ("onset_s", "offset_s") if isinstance(row, Presentation) else ("time_s",)
    return row.model_copy(update={name: getattr(row, name) + by_s for name in names})


@pytest.fixture
def two_launches(make_session, tmp_path):
    """Return a function that writes a session of two launches on a screen, each of a start of the computer."""
    folder = make_session(n_presentations=30, leave=0.0, ignore=0.0)
    present(folder, tmp_path, stop_after=3)
    present(folder, tmp_path, resume=True)
    rows = read_journal(tmp_path / "journal.jsonl").rows

    def write(boots, *, second_s=SECOND_S):
        found, by_s = [], FIRST_S
        for row in rows:
            changes = {}
            if isinstance(row, LaunchOpened):
                by_s = (FIRST_S, second_s)[row.segment] - row.time_s
                changes = {"clock": "real", "display": "psychopy", "boot_id": boots[row.segment]}
            found.append(moved(row.model_copy(update=changes), by_s))
        path = tmp_path / "journal.jsonl"
        path.write_bytes(journal_bytes(found))
        return open_session(folder).document, read_journal(path), path

    return write


def test_a_reboot_between_launches_gives_no_negative_duration(two_launches):
    session, journal, path = two_launches(("first", "second"))
    check_journal(journal, path)
    second = next(place for place, row in enumerate(journal.rows) if isinstance(row, LaunchOpened) and row.segment)
    at_work_s = journal.rows[second - 1].time_s - FIRST_S + journal.rows[-1].time_s - SECOND_S
    assert 0 < at_work_s < 30
    assert summarize(session, journal).duration_s == pytest.approx(at_work_s)


def test_the_time_between_two_launches_is_no_session(two_launches):
    session, journal, path = two_launches(("first", "first"), second_s=FIRST_S + 5_000.0)
    check_journal(journal, path)
    assert summarize(session, journal).duration_s < 30


def test_a_clock_that_goes_back_within_one_start_of_the_computer_is_refused(two_launches):
    _, journal, path = two_launches(("first", "first"))
    launched = journal.lines[
        next(i for i, row in enumerate(journal.rows) if isinstance(row, LaunchOpened) and row.segment)
    ]
    with pytest.raises(
        SessionError, match=rf"line {launched}: expected a time from 900\d\d.* by the same clock, found 12"
    ):
        check_journal(journal, path)


def test_older_rigs_named_no_start_and_their_summaries_count_the_time_between(two_launches):
    session, journal, path = two_launches((None, None), second_s=FIRST_S + 5_000.0)
    check_journal(journal, path)
    counted = summarize(session, journal)
    older = counted.model_copy(update={"duration_s": journal.rows[-1].time_s - FIRST_S})
    assert older.duration_s > 5_000
    check_summary(older, path, session=session, journal=journal)
    check_summary(counted, path, session=session, journal=journal)
    with pytest.raises(SessionError, match="duration_s"):
        check_summary(counted.model_copy(update={"duration_s": 1.0}), path, session=session, journal=journal)


def test_a_newer_summary_does_not_count_it(two_launches):
    session, journal, path = two_launches(("first", "first"), second_s=FIRST_S + 5_000.0)
    older = summarize(session, journal).model_copy(update={"duration_s": journal.rows[-1].time_s - FIRST_S})
    with pytest.raises(SessionError, match="duration_s"):
        check_summary(older, path, session=session, journal=journal)


def test_another_plan_in_a_later_launch_is_refused(two_launches):
    _, journal, path = two_launches(("first", "second"))
    rows = [
        row.model_copy(update={"plan_sha256": f"{row.segment}" * 64}) if isinstance(row, LaunchOpened) else row
        for row in journal.rows
    ]
    path.write_bytes(journal_bytes(rows))
    with pytest.raises(SessionError, match="expected plan 000"):
        check_journal(read_journal(path), path)


def test_a_power_cut_is_told_from_a_kill_and_from_a_stop(two_launches):
    _, journal, path = two_launches(("first", "first"), second_s=FIRST_S + 100.0)
    assert not was_cut_by_power(journal, boot_id="second")  # it had its end
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    cut = read_journal(path)
    assert was_cut_by_power(cut, boot_id="second")
    assert not was_cut_by_power(cut, boot_id="first")


@pytest.mark.skipif(not Path("/proc/sys/kernel/random/boot_id").exists(), reason="the kernel names no start here")
def test_the_kernel_names_the_start_of_the_computer():
    assert boot.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_where_it_does_not_the_minute_of_the_start_does(monkeypatch, tmp_path):
    monkeypatch.setattr(boot, "_OF_THE_KERNEL", tmp_path / "none")
    assert boot.boot_id().startswith("started 20")
    assert len({boot.boot_id() for _ in range(3)}) <= 2  # a minute may go by


def test_the_rig_starts_without_psutil():
    code = "import sys, rig.launch; print('psutil' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
