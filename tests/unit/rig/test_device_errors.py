"""A device that fails at any moment: the image on the screen is rejected, the screen grey, the session resumable."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tty
from contextlib import ExitStack

import pytest
from typer.testing import CliRunner

from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import Presentation, SessionEnded, TrialEnded
from closedloop.artifacts.day.session_summary import summarize
from closedloop.errors import BrokenSessionError, DeviceError, SessionError
from rig.cli import app
from rig.display.display import BLANK
from rig.display.headless import HeadlessDisplay
from rig.machine.apparatus import Apparatus
from rig.machine.device_faults import close_device, device_errors
from rig.machine.presenter import Presenter
from rig.machine.state import fresh_state, replay
from rig.ports.clock import VirtualClock
from rig.ports.codes import FileCodes
from rig.ports.gaze import GazePoint, GazeSample
from rig.ports.recorders.port import NoRecorder
from rig.ports.reward import LoggedReward
from rig.session.folder import open_session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest
from tests.unit.rig.test_random_sessions import plan_of

N_PRESENTATIONS = 12


class DriverError(Exception):
    """What a driver raises that nobody has heard of."""


class Wire(FileCodes):
    """A line that is gone from the n-th code on."""

    transport = "parallel"

    def __init__(self, n_good, error):
        self.codes, self._n_good, self._error = [], n_good, error

    def send(self, code):
        if len(self.codes) >= self._n_good:
            raise self._error
        self.codes.append(code)


class Eye:
    """A tracker that is gone from the n-th question on."""

    name = "tracker"

    def __init__(self, n_good, error):
        self._n, self._n_good, self._error = 0, n_good, error

    def start_trial(self, trial, time_s):
        pass

    def samples(self, now_s):
        self._n += 1
        if self._n > self._n_good:
            raise self._error
        return (GazeSample(now_s, GazePoint(0.0, 0.0)),)

    def close(self):
        pass


class Valve(LoggedReward):
    """A valve that is gone from the n-th reward on."""

    def __init__(self, n_good, error):
        super().__init__()
        self._n_good, self._error = n_good, error

    def give(self, duration_ms):
        if len(self.given_ms) >= self._n_good:
            raise self._error
        super().give(duration_ms)


class Screen(HeadlessDisplay):
    """A display that remembers what it showed last, and is gone from the n-th flip on."""

    def __init__(self, *, start_s, n_good=10**9):
        super().__init__(VirtualClock(60.0, start_s=start_s), refresh_hz=60.0, width_px=320, height_px=240)
        self.n_flips, self.last, self._n_good = 0, None, n_good

    def flip(self, picture, *, at_flip=None):
        self.n_flips += 1
        if self.n_flips == self._n_good:
            raise DriverError("GL error 1282")
        self.last = picture
        return super().flip(picture, at_flip=at_flip)


def launch(session, out, **ports):
    """Launch the machine as `present --resume` would on a screen, and return its display."""
    path = out / "journal.jsonl"
    with JournalWriter(path) as writer:
        older = read_journal(path)
        writer.go_on(older)
        start_s = older.rows[-1].time_s + 10.0 if older.rows and hasattr(older.rows[-1], "time_s") else 100.0
        display = ports.pop("screen", Screen)(start_s=start_s, n_good=ports.pop("n_flips", 10**9))
        display.clock_kind = "real"
        usual = {
            "gaze": Eye(10**9, None),
            "reward": Valve(10**9, None),
            "codes": Wire(10**9, None),
            "recorder": NoRecorder(),
        }
        presenter = Presenter(
            session=session,
            apparatus=Apparatus(display=display, **(usual | ports)),
            journal=writer,
            state=replay(session, older.rows) if older.rows else fresh_state(session),
            n_launches=len(older.launches),
            stop=StopRequest(),
            after_trial=lambda state, now_s: None,
        )
        try:
            presenter.run()
        except (SessionError, DriverError) as error:
            return display, error
    return display, None


ERRORS = [
    OSError(5, "Input/output error"),
    DriverError("status -7"),
    RuntimeError("link\nlost"),
    SessionError("gone. Mend it."),
]


@pytest.fixture
def session(make_session):
    return open_session(make_session(n_presentations=N_PRESENTATIONS))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("port", ["codes", "gaze", "reward"])
def test_whatever_a_driver_raises_ends_cleanly_and_is_gone_on_with(session, tmp_path, port, error):
    makes = {"codes": (Wire, 6), "gaze": (Eye, 150), "reward": (Valve, 1)}
    make, n_good = makes[port]
    display, said = launch(session, tmp_path, **{port: make(n_good, error)})
    assert isinstance(said, DeviceError)
    assert len(str(said).splitlines()) == 1
    assert display.last == BLANK
    rows = read_journal(tmp_path / "journal.jsonl").rows
    assert isinstance(rows[-1], SessionEnded)
    assert rows[-1].outcome == "stopped"
    assert launch(session, tmp_path)[1] is None
    shown = accepted(read_journal(tmp_path / "journal.jsonl").rows)
    assert sorted(row.presentation_index for row in shown) == list(range(N_PRESENTATIONS))


@pytest.mark.parametrize("n_good", range(12))
def test_the_image_whose_code_was_not_sent_is_rejected(session, tmp_path, n_good):
    wire = Wire(n_good, OSError(19, "No such device"))
    launch(session, tmp_path, codes=wire)
    rows = read_journal(tmp_path / "journal.jsonl").rows
    shown = [row for row in rows if isinstance(row, Presentation)]
    trials = [row for row in rows if isinstance(row, TrialEnded)]
    assert [row.code for row in shown if row.outcome == "accepted"] == [
        code for code in wire.codes if code < session.document.codes.first_trial
    ]
    assert {row.reason for row in shown if row.outcome == "rejected"} <= {"device_error"}
    assert trials[-1].outcome == "stopped"
    other = Wire(10**9, None)
    launch(session, tmp_path, codes=other)
    journal = read_journal(tmp_path / "journal.jsonl")
    sent = [code for code in [*wire.codes, *other.codes] if code < session.document.codes.first_trial]
    assert len(set(sent)) == len(sent)
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(N_PRESENTATIONS))


def assert_ended(session, out):
    """The journal has the end of a stop, agrees with itself and the plan, and can be summed up."""
    journal = read_journal(out / "journal.jsonl")
    check_journal(journal, out / "journal.jsonl", plan=plan_of(session))
    n_left = N_PRESENTATIONS - len(accepted(journal.rows))
    assert isinstance(journal.rows[-1], SessionEnded)
    assert (journal.ended.outcome, journal.ended.n_remaining) == ("stopped", n_left)
    assert summarize(session.document, journal).n_cut == 0


@pytest.mark.parametrize("n_flips", [1, 2, 40, 77, 120, *range(17, 32)])
def test_a_display_that_fails_leaves_a_session_that_can_be_gone_on_with(session, tmp_path, n_flips):
    wire = Wire(10**9, None)
    display, error = launch(session, tmp_path, n_flips=n_flips, codes=wire)
    assert isinstance(error, DriverError)
    assert display.last == BLANK
    assert_ended(session, tmp_path)
    other = Wire(10**9, None)
    assert launch(session, tmp_path, codes=other)[1] is None
    shown = accepted(read_journal(tmp_path / "journal.jsonl").rows)
    assert sorted(row.presentation_index for row in shown) == list(range(N_PRESENTATIONS))
    sent = [code for code in [*wire.codes, *other.codes] if code < session.document.codes.first_trial]
    assert len(set(sent)) == len(sent)


class Unprepared(Screen):
    """A display that takes no images for the second trial."""

    n_prepared = 0

    def prepare(self, image_indices):
        self.n_prepared += 1
        if self.n_prepared == 2:
            raise SessionError("display: expected the planned pixels, found others.")
        super().prepare(image_indices)


def test_a_refusal_in_the_middle_of_a_session_ends_it_in_the_journal_too(session, tmp_path):
    display, error = launch(session, tmp_path, screen=Unprepared)
    assert "expected the planned pixels" in str(error)
    assert display.last == BLANK
    assert_ended(session, tmp_path)


@pytest.mark.parametrize("n_flips", range(17, 36))
def test_images_that_follow_without_grey_are_both_told_of_where_the_display_fails(make_session, tmp_path, n_flips):
    session = open_session(make_session(n_presentations=N_PRESENTATIONS, trial={"off_frames": 0}))
    _, error = launch(session, tmp_path, n_flips=n_flips)
    assert isinstance(error, DriverError)
    assert_ended(session, tmp_path)
    assert launch(session, tmp_path)[1] is None


def test_a_device_that_cannot_be_closed_keeps_no_other_from_being_closed(capsys):
    closed = []

    def fail():
        raise DriverError("busy")

    with ExitStack() as stack:
        stack.callback(close_device, "display", lambda: closed.append("display"))
        stack.callback(close_device, "digital codes (serial)", fail)
    assert closed == ["display"]
    assert capsys.readouterr().err == "digital codes (serial): expected to close it, found: busy.\n"


def test_an_interrupt_is_no_device_error():
    with pytest.raises(KeyboardInterrupt), device_errors("gaze"):
        raise KeyboardInterrupt


def test_codes_that_nobody_reads_are_refused_and_never_wait():
    ours, theirs = pty.openpty()
    tty.setraw(ours)
    code = f"""
from closedloop.errors import SessionError
from rig.ports.codes import SerialCodes
port = SerialCodes({os.ttyname(theirs)!r})
try:
    for n in range(10**6):
        port.send(1 + n % 199)
except SessionError as error:
    print(n, error)
port.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    os.close(ours)
    os.close(theirs)
    n_sent, _, said = done.stdout.partition(" ")
    assert 1_000 < int(n_sent) < 10**6
    assert "expected codes to leave at once, found one that still waits: nobody reads them. Check the cable" in said


class Unplugged(HeadlessDisplay):
    """A display whose driver fails in the middle of a session."""

    def flip(self, picture, *, at_flip=None):
        if self.now_s() > 3.0:
            raise DriverError("GL error 1282")
        return super().flip(picture, at_flip=at_flip)


def test_a_fault_that_nobody_foresaw_is_a_line_with_the_way_to_go_on(make_session, tmp_path, monkeypatch):
    monkeypatch.setattr("rig.apparatus.HeadlessDisplay", Unplugged)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder, out = make_session(n_presentations=N_PRESENTATIONS), tmp_path / "out"
    arguments = ["present", str(folder), "--out", str(out), "--display", "headless"]
    broken = CliRunner().invoke(app, arguments).exception
    assert isinstance(broken, BrokenSessionError)
    assert "DriverError: GL error 1282. Please report it with " in str(broken)
    assert str(broken).endswith(f"Then go on: rig present {folder} --display headless --out {out} --resume")
    assert len(list((tmp_path / "state").rglob("rig-*.txt"))) == 1
    monkeypatch.undo()
    assert CliRunner().invoke(app, [*arguments, "--resume"]).exit_code == 0
