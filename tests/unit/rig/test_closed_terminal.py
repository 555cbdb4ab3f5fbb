"""The terminal is closed, with the progress bar in it: nothing can be said any more, and the session ends well."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import sys
import termios

import pytest

from closedloop.artifacts.day.journal import SessionSummary, read_journal
from closedloop.artifacts.day.journal_rows import SessionEnded
from tests.equipment.processes import Child

pytestmark = pytest.mark.slow


def take_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_terminal_that_is_closed_with_its_progress_bar_ends_the_session_cleanly(
    make_session, tmp_path, process_environment
):
    folder, out = make_session(n_presentations=20_000, trial={"presentations_per_trial": 10}), tmp_path / "out"
    command = [sys.executable, "-m", "rig", "present", str(folder), "--display", "headless", "--out", str(out)]
    ours, theirs = pty.openpty()
    with Child(
        command,
        env=process_environment | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_terminal,
    ) as process:
        os.close(theirs)
        seen = b""
        while b"accepted" not in seen:
            assert select.select([ours], [], [], 60)[0], seen
            seen += os.read(ours, 4096)
        os.close(ours)
        assert process.wait(60) == 130
    last = read_journal(out / "journal.jsonl").rows[-1]
    assert isinstance(last, SessionEnded)
    summary = SessionSummary.read(out / "summary.json")
    assert (summary.outcome, summary.n_remaining) == ("stopped", last.n_remaining)
