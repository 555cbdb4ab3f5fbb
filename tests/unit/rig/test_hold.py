"""One rig a session and a screen: who comes second is told who holds it; what a killed rig held is free."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.errors import SessionError
from rig.apparatus import Launch
from rig.check.inspection import Inspection
from rig.check.table import check_before, check_opened
from rig.launch import run_launch
from rig.operator.tell import tell
from rig.session.folder import open_session
from rig.session.hold import account_folder, hold, new_holder, out_of_last_rig, screen_name, session_name
from rig.stop import StopRequest
from tests.equipment.processes import Child

HOLDING = """
import sys
from pathlib import Path
from rig.session.hold import hold, new_holder
with hold("screen 0 of :9", new_holder("study/day-00", Path("out"))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def runtime(tmp_path, monkeypatch):
    """A folder of the test's own for what rigs hold."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def holding():
    """Another process that holds the screen."""
    with Child([sys.executable, "-c", HOLDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def me():
    return new_holder("study/day-01", Path("elsewhere"))


def test_the_second_is_told_who_holds_a_screen_and_since_when(holding):
    with pytest.raises(SessionError) as refused, hold("screen 0 of :9", me(), patience_s=0.0):
        pass
    said = str(refused.value)
    assert said.startswith("screen 0 of :9: expected no other rig at work on it, found process ")
    assert f"process {holding.pid} on " in said
    assert f"shows study/day-00 into {Path('out').absolute()} since 20" in said
    assert said.endswith("Wait for it to end, or stop it, then run the same command again.")


@pytest.mark.parametrize("name", ["s" * 248 + "/day-00", "\N{WHITE SQUARE}" * 250])
def test_a_session_of_the_longest_name_is_held_as_any_other(name):
    kept, other = f"session {name} (0123456789ab)", f"session {name} (ba9876543210)"
    with hold(kept, me(), patience_s=0.0), hold(other, me(), patience_s=0.0):
        refused = hold(kept, me(), patience_s=0.0)
        with pytest.raises(SessionError, match="expected no other rig"), refused:
            pass


def test_a_folder_whose_name_is_no_text_is_said_as_any_other():
    out = Path(os.fsdecode(b"/data/\xff monkey"))
    with hold("screen 3 of :9", new_holder("study/day-00", out), patience_s=0.0):
        refused = hold("screen 3 of :9", me(), patience_s=0.0)
        with pytest.raises(SessionError, match=r"into /data/\\udcff monkey since"), refused:
            pass


def test_another_screen_is_free(holding):
    with hold("screen 1 of :9", me(), patience_s=0.0) as died:
        assert died is None


def test_what_a_killed_rig_held_is_free_and_the_next_one_learns_of_it(holding):
    holding.send_signal(signal.SIGKILL)
    holding.wait()
    with hold("screen 0 of :9", me(), patience_s=0.0) as died:
        assert (died.pid, died.session_id) == (holding.pid, "study/day-00")
    with hold("screen 0 of :9", me(), patience_s=0.0) as died:
        assert died is None


def test_where_a_killed_rig_wrote_its_journal_is_known_to_whoever_asks_for_it(make_session, tmp_path):
    folder = make_session()
    name = session_name(open_session(folder), is_real=True)
    assert out_of_last_rig(folder) is None
    killed = HOLDING.replace('"screen 0 of :9"', repr(name)).replace('Path("out")', f"Path({str(tmp_path / 'P')!r})")
    with Child([sys.executable, "-c", killed], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        process.kill()
    assert out_of_last_rig(folder) == tmp_path / "P"
    with pytest.raises(SessionError, match=f"no journal in {tmp_path / 'P'}"):
        tell(folder, None, "pause", folder=tmp_path / "nobody's")


def test_a_rig_that_ends_leaves_nothing(holding, runtime):
    assert len(list(runtime.rglob("*.lock"))) == 1
    holding.stdin.close()
    holding.wait()
    assert list(runtime.rglob("*.lock")) == []


def test_the_folder_is_closed_to_others(holding):
    assert account_folder().stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("display", "name"),
    [
        (":0", "screen 0 of :0"),
        (":0.0", "screen 0 of :0"),
        ("unix:0.0", "screen 0 of :0"),
        (":1", "screen 0 of :1"),
        ("host:0", "screen 0 of host:0"),
        ("", "screen 0"),
    ],
)
def test_a_screen_has_one_name_however_it_is_written(monkeypatch, display, name):
    monkeypatch.setenv("DISPLAY", display)
    assert screen_name(0) == name


def test_a_copy_of_a_session_is_the_same_session_on_a_screen_and_another_one_in_a_dry_run(make_session):
    one, copy = (open_session(make_session(name)) for name in ("one", "copy"))
    assert session_name(one, is_real=True) == session_name(copy, is_real=True)
    assert session_name(one, is_real=False) != session_name(copy, is_real=False)


def test_a_session_that_is_being_shown_is_not_shown_into_another_folder(make_session, tmp_path, monkeypatch):
    folder = make_session(n_presentations=3)
    monkeypatch.setattr("rig.launch._SESSION_PATIENCE_S", 0.0)
    name = session_name(open_session(folder), is_real=False)
    launch = Launch(session=folder, out=tmp_path / "other", display="headless")
    with (
        hold(name, new_holder("study/day-00", tmp_path / "present")),
        pytest.raises(
            SessionError, match=rf"session study/day-00 .*: .* found process {os.getpid()} on .*/present since"
        ),
    ):
        run_launch(launch, stop=StopRequest(), on_trial=lambda state, now_s: None)
    assert not (tmp_path / "other").exists()


def test_a_check_opens_no_window_over_a_session_that_is_being_shown(make_session, tmp_path, monkeypatch):
    monkeypatch.setattr("rig.session.hold.SCREEN_PATIENCE_S", 0.0)
    monkeypatch.setenv("DISPLAY", ":9")
    holder = new_holder("study/day-07", tmp_path / "present")
    with hold("screen 0 of :9", holder):
        launch = Launch(session=make_session(n_presentations=3), out=tmp_path / "other", display="psychopy")
        at = Inspection(launch, only_checks=True, list_screens=tuple)
        with at.stack:
            found = {finding.name: finding for finding in [*check_before(at), *check_opened(at)]}
    assert (found["other-rigs"].status, found["display"].status) == ("FAIL", "FAIL")
    assert f"found process {os.getpid()} on " in found["other-rigs"].found
    assert "shows study/day-07 into" in found["other-rigs"].found
    assert "found one in use" in found["display"].found
