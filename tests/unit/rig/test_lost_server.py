"""The X server, or the window's connection to it, is killed under a session: one line, and nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing

import pytest
from Xlib.display import Display

from closedloop.artifacts.day.journal import SessionSummary, accepted, read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import SessionEnded
from rig.session.folder import open_session
from tests.equipment.processes import Child, x_server
from tests.equipment.two_heads import dummy_server
from tests.unit.rig.test_random_sessions import plan_of

pytestmark = [pytest.mark.slow, pytest.mark.display]

N_PRESENTATIONS = 12


def xvfb(_folder):
    return x_server(["Xvfb", "-screen", "0", "800x600x24", "-nolisten", "tcp"])


def command(folder, out, *options):
    return [sys.executable, "-m", "rig", "present", str(folder), "--display", "psychopy", "--out", str(out), *options]


def present_until(folder, out, environment, do):
    """Present, do something once some presentations are in the journal, and return the exit code and what was said."""
    journal = out / "journal.jsonl"
    with Child(command(folder, out), env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not journal.exists() or journal.read_bytes().count(b'"presentation"') < 2:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.02)
        do()
        _, said = process.communicate()
    return process.returncode, said


def rig_windows(server):
    mark = server.intern_atom("_CLOSEDLOOP_RIG")
    return [one for one in server.screen().root.query_tree().children if one.get_full_property(mark, 0) is not None]


def lose_window(server, others):
    """Have the server end the connection of the rig's window, as `xkill` does; other tests' windows are let be."""
    [window] = [one for one in rig_windows(server) if one not in others]
    window.kill_client()
    server.sync()


def assert_ended(session, out, code, said):
    assert code == 1, said
    lines = [line for line in said.splitlines() if not line.startswith(("WARN", " ", "Xlib:  extension"))]
    [line] = [line for line in lines if line]
    assert line.startswith("display: expected the X server at DISPLAY=':")
    assert " found it gone " in line
    assert f"Then go on: rig present {session.folder} --display psychopy --out {out} --resume" in line
    journal = read_journal(out / "journal.jsonl")
    check_journal(journal, out / "journal.jsonl", plan=plan_of(session))
    assert isinstance(journal.rows[-1], SessionEnded)
    summary = SessionSummary.read(out / "summary.json")
    n_accepted = len(accepted(journal.rows))
    assert (summary.outcome, summary.n_accepted) == ("stopped", n_accepted)
    assert summary.n_remaining == N_PRESENTATIONS - n_accepted


@pytest.mark.parametrize(
    "server_of",
    [(xvfb, signal.SIGKILL), (xvfb, signal.SIGTERM), (dummy_server, signal.SIGKILL), (dummy_server, signal.SIGTERM)],
)
def test_a_server_that_is_gone_is_a_line_and_the_session_has_its_end(
    make_session, tmp_path, process_environment, x_display, server_of
):
    folder, out = make_session(n_presentations=N_PRESENTATIONS), tmp_path / "present"
    environment = process_environment | {"HOME": str(tmp_path), "PSYCHOPYNOPACKAGES": "1"}
    start, number = server_of
    with start(tmp_path) as (name, server):
        there = environment | {"DISPLAY": name}
        code, said = present_until(folder, out, there, lambda: server.send_signal(number))
        server.wait()
    assert_ended(open_session(folder), out, code, said)
    if server_of != (xvfb, signal.SIGKILL):  # one of them is gone on with
        return
    done = subprocess.run(command(folder, out, "--resume"), env=x_display, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ended without a word" not in done.stderr  # the holds were let go
    shown = accepted(read_journal(out / "journal.jsonl").rows)
    assert sorted(row.presentation_index for row in shown) == list(range(N_PRESENTATIONS))


def test_a_window_whose_connection_is_killed_is_a_line_and_leaves_the_screen_saver_as_it_was(
    make_session, tmp_path, x_display
):
    folder, out = make_session(n_presentations=N_PRESENTATIONS), tmp_path / "present"
    with closing(Display(x_display["DISPLAY"])) as server:
        server.set_screen_saver(321, 60, 1, 1)
        others = rig_windows(server)
        code, said = present_until(folder, out, x_display, lambda: lose_window(server, others))
        assert_ended(open_session(folder), out, code, said)
        assert server.get_screen_saver().timeout == 321
