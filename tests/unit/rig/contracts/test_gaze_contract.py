"""What every source of gaze keeps; and each tracker in trouble: EyeLink replays real files, LSL has a real outlet."""

from __future__ import annotations

import math
import time
import uuid
from contextlib import ExitStack
from itertools import pairwise

import pytest

from closedloop.artifacts.day.session import ScriptedMonkey
from closedloop.errors import DeviceError
from rig.ports.gaze import NoGaze, ScriptedGaze
from rig.ports.timed import Timed
from rig.ports.trackers.edf import edf_name
from rig.ports.trackers.eyelink import EyeLinkGaze, EyeLinkSettings
from rig.ports.trackers.lsl import LslGaze, LslSettings
from rig.ports.trackers.tracker import Tracker
from rig.ports.wired import Wired
from tests.equipment.lsl_outlet import outlet
from tests.equipment.replayed_eyelink import TrackerComputer, read_recording, recordings
from tests.unit.rig.conftest import SteadyGaze
from tests.unit.rig.ports import FastTracker

pytestmark = pytest.mark.slow

FILES = {path.stem: path for path in recordings()}
FRAME_S = 1 / 60


class SimulatedClock:
    """A clock that moves when somebody looks at it, by 10 us, and when somebody waits."""

    def __init__(self):
        self.s = 1000.0

    def now_s(self):
        self.s += 1e-5
        return self.s

    def wait(self, seconds):
        self.s += seconds


class EyeLinkBench:
    """An EyeLink that replays a file, on a clock of its own."""

    def __init__(self, stem="test_2_raw", **computer):
        self.clock = SimulatedClock()
        self.computer = TrackerComputer(read_recording(FILES[stem]), now_s=self.clock.now_s, **computer)
        self.now_s, self.wait = self.clock.now_s, self.clock.wait

    def open(self, folder=None, **settings):
        said = EyeLinkSettings("100.1.1.1", "study/day-00", width_px=1920, height_px=1080, folder=folder, **settings)
        return EyeLinkGaze(
            said,
            to_degrees=lambda x, y: ((x - 960) / 100, (540 - y) / 100),
            now_s=self.now_s,
            dialled=self.computer.dial,
            pause=self.wait,
        )

    def suffer(self, fault):
        self.computer.faults.add(fault)

    def recover(self):
        self.computer.faults.clear()

    def wait_for_another_second(self):
        """Wait until a file would have another name."""
        while edf_name(time.time()) in self.computer.disk:
            pass

    def plug(self, **how):
        self.computer.late_ms = how.get("late_ms", 2.0)
        if how.get("eye") == "garbled":
            self.suffer("garbled")
        return self

    def stall(self):
        self.suffer("stalled")

    def unplug(self):
        self.suffer("unplugged")

    def another(self):
        """Put something at the address that connects and is no tracker, as `EyeLink(None)`."""
        self.suffer("dummy")

    def close(self):
        pass


class LslBench:
    """An outlet in a process of its own, in real time."""

    now_s = staticmethod(time.monotonic)

    def __init__(self):
        self.name, self._stack, self._outlet = f"tracker-{uuid.uuid4()}", ExitStack(), None

    def open(self, folder=None, **settings):
        return LslGaze(
            LslSettings(self.name, **settings), to_degrees=lambda _unit: lambda x, y: (x, y), now_s=self.now_s
        )

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.001)

    def plug(self, late_ms=0.0, **how):
        packet = max(1, round(late_ms / 2))  # a bridge that keeps samples back and sends them in packets
        self._outlet = self._stack.enter_context(outlet(self.name, packet=packet, **how))
        return self

    def stall(self):
        self._outlet.stall()

    def recover(self):
        if self._outlet.process.poll() is None:
            self._outlet.go_on()
        else:
            self.plug()

    def unplug(self):
        self._outlet.kill()

    def another(self):
        self._outlet.kill()
        self.plug(type="Markers", labels="", format="string")

    def close(self):
        self._stack.close()


BENCHES = {**{f"eyelink {stem}": lambda stem=stem: EyeLinkBench(stem) for stem in FILES}, "lsl": LslBench}


@pytest.fixture(params=BENCHES)
def bench(request):
    made = BENCHES[request.param]()
    yield made
    made.recover() if isinstance(made, EyeLinkBench) else None
    made.close()


@pytest.fixture(params=["scripted", "none", "steady", "fast", *BENCHES])
def any_gaze(request):
    """Return a source, and the clock and the wait of its world."""
    if request.param in BENCHES:
        made = BENCHES[request.param]().plug()
        gaze = made.open()
        yield gaze, made.now_s, made.wait
        gaze.close()
        made.close()
        return
    clock = SimulatedClock()
    monkey = ScriptedMonkey(seed=1, ignore_probability=0.1, leave_early_probability=0.2)
    sources = {
        "scripted": lambda: ScriptedGaze(monkey, fixation_s=2.0),
        "none": NoGaze,
        "steady": SteadyGaze,
        "fast": lambda: FastTracker(clock.s),
    }
    yield sources[request.param](), clock.now_s, clock.wait


def collect(gaze, now_s, wait, n_frames):
    """Ask a source after each of some frames, and return what it said: the samples, and when they were asked for."""
    found = []
    for _ in range(n_frames):
        wait(FRAME_S)
        asked_s = now_s()
        found += [(sample, asked_s) for sample in gaze.samples(asked_s)]
    return found


def until(bench, sign):
    """Wait, in the bench's world, for a sign."""
    end = bench.now_s() + 30
    while not (found := sign()):
        assert bench.now_s() < end
        bench.wait(0.002)
    return found


class TestEverySource:
    def test_has_its_samples_in_their_order_once_and_none_from_the_future(self, any_gaze):
        gaze, now_s, wait = any_gaze
        gaze.start_trial(0, now_s())
        found = collect(gaze, now_s, wait, 30)
        times_s = [sample.time_s for sample, _ in found]
        assert all(before < after for before, after in pairwise(times_s))
        # A source is asked with the time of a flip that is over; real ones have gone on since.
        assert all(sample.time_s <= asked_s + 0.1 for sample, asked_s in found)
        assert bool(found) == (gaze.name != "none")

    def test_says_where_the_eye_looks_in_degrees_or_that_there_is_none(self, any_gaze):
        gaze, now_s, wait = any_gaze
        gaze.start_trial(0, now_s())
        points = [sample.point for sample, _ in collect(gaze, now_s, wait, 30)]
        assert all(point is None or math.isfinite(point.eccentricity_deg) for point in points)

    def test_has_a_name(self, any_gaze):
        gaze, _, _ = any_gaze
        assert gaze.name


class TestEveryTracker:
    def test_is_a_device_with_a_clock_that_can_be_mended(self, bench):
        tracker = bench.plug().open()
        assert isinstance(tracker, Tracker)
        assert isinstance(tracker, Timed)
        assert isinstance(tracker, Wired)
        tracker.close()

    def test_brings_every_sample_and_not_one_a_frame(self, bench):
        tracker = bench.plug().open()
        rate_hz = tracker.status().rate_hz
        assert round(rate_hz) in (500, 1000)
        collect(tracker, bench.now_s, bench.wait, 2)  # what came meanwhile
        found = [sample for sample, _ in collect(tracker, bench.now_s, bench.wait, 60)]
        gaps_s = [after.time_s - before.time_s for before, after in pairwise(found)]
        assert len(found) >= 0.9 * rate_hz
        assert all(gap_s == pytest.approx(1 / rate_hz, abs=1e-4) for gap_s in gaps_s)
        tracker.close()

    def test_says_what_its_samples_say(self, bench):
        tracker = bench.plug().open()
        status = tracker.status()
        assert status.name not in ("", "None")
        assert 0 <= status.age_s < 1
        assert status.has_eye
        tracker.close()

    def test_reads_its_clock_within_milliseconds(self, bench):
        tracker = bench.plug().open()
        first = until(bench, tracker.clock)
        bench.wait(1.0)
        second = until(bench, tracker.clock)
        assert first.device == tracker.name
        assert second.device_s - first.device_s == pytest.approx(second.rig_s - first.rig_s, abs=0.003)
        assert first.uncertainty_s < 0.05
        tracker.close()

    def test_stalled(self, bench):
        tracker = bench.plug().open()
        bench.stall()
        collect(tracker, bench.now_s, bench.wait, 5)
        assert collect(tracker, bench.now_s, bench.wait, 10) == []
        tracker.check()  # a tracker that keeps still has not failed: its silence is the machine's to judge
        bench.recover()
        assert until(bench, lambda: tracker.samples(bench.now_s()))
        tracker.close()

    def test_slow(self, bench):
        tracker = bench.plug(late_ms=40.0).open()
        found = collect(tracker, bench.now_s, bench.wait, 30)
        assert len(found) > 100
        assert tracker.silent_after_s < 0.5
        tracker.close()

    def test_garbled(self, bench):
        tracker = bench.plug(eye="garbled").open()
        found = [sample for sample, _ in collect(tracker, bench.now_s, bench.wait, 30)]
        assert any(sample.point is None for sample in found)
        assert all(sample.point is None or sample.point.eccentricity_deg < 1000 for sample in found)
        assert all(before.time_s < after.time_s for before, after in pairwise(found))
        assert found[-1].time_s <= bench.now_s()
        tracker.close()

    def test_unplugged_and_reconnected(self, bench):
        tracker = bench.plug().open()
        bench.unplug()

        def look():
            tracker.samples(bench.now_s())
            tracker.check()

        with pytest.raises(DeviceError, match=r"expected .*, found.*then continue"):
            until(bench, look)
        look()  # told once
        assert tracker.clock() is None
        tracker.start_trial(1, bench.now_s())
        tracker.note_code(5)
        with pytest.raises(DeviceError):
            tracker.mend()
        bench.recover()
        tracker.mend()
        assert until(bench, lambda: tracker.samples(bench.now_s()))
        tracker.mend()  # nothing failed: nothing is done
        tracker.close()

    def test_silent_for_long_and_mended(self, bench):
        tracker = bench.plug().open()
        bench.stall()
        bench.wait(1.5)
        tracker.samples(bench.now_s())
        bench.wait(1.5)
        bench.recover()
        tracker.mend()
        assert until(bench, lambda: tracker.samples(bench.now_s()))
        tracker.close()

    def test_absent(self, bench):
        if isinstance(bench, EyeLinkBench):
            bench.suffer("absent")
        with pytest.raises(
            Exception, match=r"Could not connect to tracker|expected it on this computer, found"
        ) as error:
            bench.open()
        assert "\n" not in str(error.value)

    def test_another_device_at_the_address(self, bench):
        bench.plug()
        bench.another()
        with pytest.raises(DeviceError, match=r"expected samples that advance, found none|expected a stream of gaze"):
            bench.open()
