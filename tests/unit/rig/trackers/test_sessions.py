"""Sessions that trackers drive: real EyeLink samples, and an LSL outlet that is killed; in simulated and real time."""

from __future__ import annotations

import time
import uuid
from contextlib import ExitStack
from itertools import groupby, pairwise
from types import SimpleNamespace

import pytest

from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import (
    Continued,
    Paused,
    PresentationBegun,
    TrialBegun,
    TrialEnded,
    TrialStarted,
)
from closedloop.errors import SessionError
from rig.display.display import Flip
from rig.machine.apparatus import Apparatus
from rig.machine.presenter import Presenter
from rig.machine.state import fresh_state, replay
from rig.operator.commands import Command, NoCommands
from rig.ports.clock import RealClock
from rig.ports.codes import FileCodes
from rig.ports.recorders.port import NoRecorder
from rig.ports.reward import SilentReward
from rig.ports.trackers.eyelink import EyeLinkGaze, EyeLinkSettings
from rig.ports.trackers.lsl import LslGaze, LslSettings
from rig.session.folder import open_session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest
from tests.equipment.lsl_outlet import outlet
from tests.equipment.replayed_eyelink import TrackerComputer, read_recording
from tests.unit.rig.contracts.test_gaze_contract import FILES
from tests.unit.rig.ports import HZ, FaultyDisplay, Screen

pytestmark = pytest.mark.slow

PX_PER_DEG, CENTRE = 250.0, (960.0, 540.0)  # so that much of what these people looked at lies within 2 degrees
RADIUS_DEG, BOXCAR_S, GRACE_S = 2.0, 5 / 60, 2.5 / 60


def to_degrees(x, y):
    return (x - CENTRE[0]) / PX_PER_DEG, (CENTRE[1] - y) / PX_PER_DEG


class SimulatedDisplay(FaultyDisplay):
    """A screen in simulated time; what waits meanwhile moves its clock too."""

    clock_kind = "real"

    def __init__(self):
        super().__init__(Screen())
        self._waited_s = 0.0
        self.n_image_flips = 0
        self.before_flip = lambda: None

    def wait(self, seconds):
        self._waited_s += seconds

    def now_s(self):
        return self.screen.frame / HZ + self._waited_s

    def flip(self, picture, *, at_flip=None):
        self.n_image_flips += picture.slot is not None
        self.before_flip()
        flip = super().flip(picture, at_flip=at_flip)
        return Flip(self.now_s(), flip.n_frames)


class RealTimeDisplay(FaultyDisplay):
    """A screen in real time whose frames count as one, however late this machine was."""

    def __init__(self):
        super().__init__(Screen())
        self._clock = RealClock()
        self._next_s = self.now_s()

    def now_s(self):
        return self._clock.now_s()

    def flip(self, picture, *, at_flip=None):
        self._next_s = max(self._next_s + 1 / HZ, self.now_s())
        while self.now_s() < self._next_s:
            time.sleep(0.0005)
        super().flip(picture, at_flip=at_flip)
        return Flip(self.now_s(), 1)


class Hands:
    """Somebody who pulls a plug once enough was shown, mends it when the session is paused, and continues."""

    def __init__(self, path, pull, mend):
        self._path, self._pull, self._mend = path, pull, mend
        self.did = []

    def _count(self, event):
        return self._path.read_bytes().count(b'"%s"' % event) if self._path.exists() else 0

    def poll(self):
        if not self.did and self._count(b"presentation") >= 4:
            self._pull()
            self.did.append("pulled")
        elif self.did and self._count(b"paused") > self._count(b"continued"):
            if self.did == ["pulled"]:
                self._mend()
                self.did.append("mended")
            return (Command("continue", "key", lambda _words: None, lambda _words: None),)
        return ()


def present(folder, out, *, display, gaze, commands=None):
    """Present what is left of a session, and return its journal."""
    session, path, said = open_session(folder), out / "journal.jsonl", []
    with JournalWriter(path) as writer:
        older = read_journal(path)
        writer.go_on(older)
        presenter = Presenter(
            session=session,
            apparatus=Apparatus(
                display=display,
                gaze=gaze,
                reward=SilentReward(),
                codes=FileCodes(),
                recorder=NoRecorder(),
                commands=commands or NoCommands(),
                tell=said.append,
            ),
            journal=writer,
            state=replay(session, older.rows) if older.rows else fresh_state(session),
            n_launches=len(older.launches),
            stop=StopRequest(),
            after_trial=lambda _state, _now_s: None,
        )
        fault = None
        try:
            presenter.run()
        except SessionError as error:
            fault = str(error)
    journal = read_journal(path)
    check_journal(journal, path)
    return SimpleNamespace(journal=journal, said=said, fault=fault)


def rows(journal, *kinds):
    return [row for row in journal.rows if isinstance(row, kinds)]


def eyelink(display, stem="test_2_raw", folder=None):
    """Return an EyeLink in the display's time, and its computer."""
    computer = TrackerComputer(read_recording(FILES[stem]), now_s=display.now_s)
    settings = EyeLinkSettings("100.1.1.1", "study/day-00", width_px=1920, height_px=1080, folder=folder)
    pause = display.wait if isinstance(display, SimulatedDisplay) else time.sleep
    tracker = EyeLinkGaze(settings, to_degrees=to_degrees, now_s=display.now_s, dialled=computer.dial, pause=pause)
    return tracker, computer


class Seen:
    """What the eye of a file did, on the rig's clock, computed from the file alone."""

    def __init__(self, computer, begun_ms):
        self._recording, self._begun_ms, self._started_s = computer.recording, begun_ms, computer.started_s

    def away(self, from_s, to_s):
        """Return how long at the longest the eye was not inside, seconds, and whether it was there at all."""
        rate_hz, longest = self._recording.rate_hz, 0
        first, last = (
            round(((at_s - self._started_s) * 1000.0 - self._begun_ms) * rate_hz / 1000.0) for at_s in (from_s, to_s)
        )
        points = [self._recording.point(n, 0) for n in range(first, last)]
        inside = [
            point is not None and sum(value**2 for value in to_degrees(*point)) <= RADIUS_DEG**2 for point in points
        ]
        for is_inside, run in groupby(inside):
            longest = longest if is_inside else max(longest, len(list(run)))
        return longest / rate_hz


@pytest.mark.parametrize("stem", ["test_2_raw", "test_raw"])
def test_real_samples_drive_a_session_and_the_eye_of_the_file_decides(stem, make_session, tmp_path):
    display = SimulatedDisplay()
    tracker, computer = eyelink(display, stem, folder=tmp_path)
    seen = Seen(computer, computer.begun_ms)
    done = present(make_session(n_presentations=60), tmp_path / "out", display=display, gaze=tracker)
    tracker.close()
    assert done.fault is None
    journal = done.journal
    assert journal.launches[0].gaze == "eyelink"
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(60))
    broken = [row for row in journal.presentations if row.reason == "fixation_broken"]
    assert broken  # people blink, and look elsewhere
    for row in accepted(journal.rows):
        assert seen.away(row.onset_s, row.offset_s - 0.005) < BOXCAR_S + 0.002
    for row in broken:
        assert seen.away(row.onset_s - 0.3, row.offset_s) >= GRACE_S - 0.002
    messages = [text for _, text in computer.messages if text.startswith(("closedloop trial", "closedloop code"))]
    wanted = []
    for row in rows(journal, TrialBegun, PresentationBegun):
        is_trial = isinstance(row, TrialBegun)
        wanted += [f"closedloop code {row.code}", *([f"closedloop trial {row.trial}"] if is_trial else [])]
    assert messages == wanted
    assert len(list(tmp_path.glob("*.EDF"))) == 1


@pytest.mark.parametrize("late_ms", range(0, 34, 3))
def test_an_eyelink_that_stops_ends_the_trial_within_50_ms_and_the_session_within_a_trial(
    late_ms, make_session, tmp_path
):
    display = SimulatedDisplay()
    tracker, computer = eyelink(display)
    stopped = []

    def stop_in_an_image():
        if not stopped and display.n_image_flips == 5:
            computer.ends_ms = computer.clock_ms() + late_ms
            stopped.append(display.now_s() + late_ms / 1000.0)

    display.before_flip = stop_in_an_image
    done = present(make_session(n_presentations=12), tmp_path / "out", display=display, gaze=tracker)
    (ended,) = rows(done.journal, TrialEnded)
    # Its last sample was measured up to a millisecond before.
    assert ended.time_s - stopped[0] <= 0.050
    assert ended.outcome == "stopped"
    assert [row.by for row in rows(done.journal, Paused)] == ["gaze"]
    assert "gaze: expected samples from eyelink, found none for 1.0 s" in done.fault
    assert done.journal.ended.outcome == "stopped"
    assert len(rows(done.journal, TrialStarted)) == 1
    assert done.journal.ended.time_s - stopped[0] <= 1.1


def check_nothing_is_lost(done, n_presentations):
    journal = done.journal
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(n_presentations))
    assert journal.ended.outcome == "complete"
    order = [row.event for row in rows(journal, Paused, Continued, TrialStarted)]
    assert "paused" in order  # a busy machine may keep a tracker waiting once more
    assert all(after == "continued" for before, after in pairwise(order) if before == "paused")


def test_real_samples_drive_a_session_in_real_time_whose_tracker_is_unplugged_and_comes_back(make_session, tmp_path):
    display = RealTimeDisplay()
    tracker, computer = eyelink(display, folder=tmp_path)
    hands = Hands(
        tmp_path / "out" / "journal.jsonl",
        lambda: computer.faults.add("unplugged"),
        lambda: computer.faults.remove("unplugged"),
    )
    folder = make_session(n_presentations=18, trial={"intertrial_ms": 100.0})
    done = present(folder, tmp_path / "out", display=display, gaze=tracker, commands=hands)
    tracker.close()
    assert hands.did == ["pulled", "mended"]
    assert done.fault is None
    check_nothing_is_lost(done, 18)
    assert all("gaze: no sample" in line or "eyelink at 100.1.1.1: expected" in line for line in done.said)
    assert computer.disk == {path.name for path in tmp_path.glob("*.EDF")}


class Bridge:
    """An LSL program that can be killed and started again."""

    def __init__(self, stack):
        self.name, self._stack = f"tracker-{uuid.uuid4()}", stack
        self.start()

    def start(self):
        self._outlet = self._stack.enter_context(outlet(self.name))

    def kill(self):
        self._outlet.kill()

    def open(self):
        return LslGaze(LslSettings(self.name), to_degrees=lambda _unit: lambda x, y: (x, y), now_s=time.monotonic)


def test_an_outlet_that_is_killed_pauses_the_session_and_nothing_is_lost(make_session, tmp_path):
    with ExitStack() as stack:
        bridge = Bridge(stack)
        tracker = bridge.open()
        hands = Hands(tmp_path / "out" / "journal.jsonl", bridge.kill, bridge.start)
        folder = make_session(n_presentations=12, trial={"intertrial_ms": 100.0})
        done = present(folder, tmp_path / "out", display=RealTimeDisplay(), gaze=tracker, commands=hands)
        tracker.close()
    assert done.fault is None
    check_nothing_is_lost(done, 12)
    # The silence, or the library's word that the stream is lost, whichever is seen first.
    assert all("no sample from the tracker" in line or "LSL program again, then continue" in line for line in done.said)


def test_an_outlet_that_is_killed_ends_a_session_that_nobody_watches_and_it_is_resumed(make_session, tmp_path):
    class Nobody(NoCommands):
        """Nobody is there; but a plug is pulled."""

        def poll(self):
            hands.poll()
            return ()

    folder = make_session(n_presentations=12, trial={"intertrial_ms": 100.0})
    with ExitStack() as stack:
        bridge = Bridge(stack)
        hands = Hands(tmp_path / "out" / "journal.jsonl", bridge.kill, lambda: None)
        cut = present(folder, tmp_path / "out", display=RealTimeDisplay(), gaze=bridge.open(), commands=Nobody())
        assert "lsl stream" in cut.fault or "gaze: expected samples from lsl" in cut.fault
        assert "\n" not in cut.fault
        assert cut.journal.ended.outcome == "stopped"
        bridge.start()
        whole = present(folder, tmp_path / "out", display=RealTimeDisplay(), gaze=bridge.open())
    assert whole.fault is None
    assert sorted(row.presentation_index for row in accepted(whole.journal.rows)) == list(range(12))
