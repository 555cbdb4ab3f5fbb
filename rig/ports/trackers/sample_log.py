"""A tracker's samples on the rig's clock: in order, each once, and what is known of the tracker by them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rig.ports.gaze import GazePoint, GazeSample
from rig.ports.timed import ClockReading
from rig.ports.trackers.tracker import TrackerStatus

_DRIFT = 1e-4  # of two quartz clocks against each other, at the worst: 100 parts in a million
_USUAL = 0.75  # most gaps between two packets are no longer than the one at this rank
_LEAP_S = 1.0
_NO_BLINK_S = 1.0
_LONGEST_STILL_S = 0.5  # whatever came at the opening: a tracker with fewer samples can hold no fixation


@dataclass(frozen=True)
class DeviceSample:
    """A sample on the tracker's own clock, seconds."""

    device_s: float
    point: GazePoint | None


ReadSamples = Callable[[], Sequence[DeviceSample]]
"""Returns the samples that came since it was called last, oldest first; returns at once."""


class SampleLog:
    """Puts samples on the rig's clock, and counts them.

    A sample whose time does not advance is none: a tracker that repeats its last one tracks nothing. Nor is one whose
    time leaps ahead of what has passed.

    Parameters
    ----------
    now_s
        The rig's clock.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._clock: ClockReading | None = None
        self._least_lag_s: float | None = None
        self._newest: GazeSample | None = None
        self._newest_device_s = float("-inf")
        self._first: DeviceSample | None = None
        self._n = 0
        self._came_s = 0.0
        self._seen_s = float("-inf")
        self._gap_s = 0.0
        self.n_repeated = 0

    def synchronise(self, reading: ClockReading | None) -> None:
        """Use what the tracker said of its clock, unless an earlier answer is better still, its drift included."""
        old = self._clock
        if reading is None:
            return
        if old is not None and reading.uncertainty_s > old.uncertainty_s + _DRIFT * (reading.rig_s - old.rig_s):
            return
        self._clock = reading

    def take(self, samples: Iterable[DeviceSample]) -> list[GazeSample]:
        """Return samples on the rig's clock; none lies in the future, whatever the tracker's clock says."""
        now_s = self._now_s()
        found = []
        for one in samples:
            if not one.device_s > self._newest_device_s:  # nor is what has no time at all
                self.n_repeated += 1
                continue
            if self._n and one.device_s - self._newest_device_s > now_s - self._came_s + _LEAP_S:
                continue  # a time from the future: taken for true, no later sample would advance any more
            self._newest_device_s, self._came_s = one.device_s, now_s
            self._first = self._first or one
            self._n += 1
            found.append(GazeSample(min(self._rig_s(one.device_s, now_s), now_s), one.point))
            if one.point is not None:
                self._seen_s = now_s
        if found:
            self._newest = found[-1]
        return found

    def _rig_s(self, device_s: float, now_s: float) -> float:
        """Return a time on the rig's clock: by the clock's own word, else by the sample that came soonest."""
        lag_s = now_s - device_s
        self._least_lag_s = lag_s if self._least_lag_s is None else min(lag_s, self._least_lag_s)
        offset_s = self._least_lag_s if self._clock is None else self._clock.rig_s - self._clock.device_s
        return device_s + offset_s

    def wait(self, read: ReadSamples, *, pause: Callable[[float], None], at_most_s: float, watch_s: float) -> bool:
        """Wait until samples advance, and watch for a while how they come.

        Parameters
        ----------
        read
            Returns samples.
        pause
            Waits, seconds.
        at_most_s
            When to give up, seconds.
        watch_s
            How long to watch, seconds after the first one.

        Returns
        -------
        bool
            Whether they advance: at least two times that differ.
        """
        self.start_anew()
        end_s, came_s = self._now_s() + at_most_s, list[float]()
        while self._now_s() < end_s:
            if self.take(read()):
                came_s.append(self._now_s())
            if self._n >= 2 and self._now_s() - came_s[0] >= watch_s:
                break
            pause(0.001)
        gaps_s = sorted(after - before for before, after in itertools.pairwise(came_s))
        self._gap_s = gaps_s[int(_USUAL * (len(gaps_s) - 1))] if gaps_s else 0.0
        return self._n >= 2

    def start_anew(self) -> None:
        """Forget what came before: a tracker was opened, perhaps again, and its clock may have started anew."""
        self._first, self._n, self._newest, self._least_lag_s = None, 0, None, None
        self._clock, self._newest_device_s = None, float("-inf")

    @property
    def rate_hz(self) -> float:
        """Samples per second of the tracker's clock, over all that came."""
        if self._first is None or self._n < 2:
            return 0.0
        return (self._n - 1) / (self._newest_device_s - self._first.device_s)

    @property
    def age_s(self) -> float:
        """How old the newest sample is; infinite where none came."""
        return float("inf") if self._newest is None else self._now_s() - self._newest.time_s

    @property
    def lag_s(self) -> float:
        """How long after its own time the newest sample's clock says that it came; far from 0 where clocks differ."""
        if self._clock is None:
            return 0.0
        return self._now_s() - (self._newest_device_s + self._clock.rig_s - self._clock.device_s)

    @property
    def silent_after_s(self) -> float:
        """How long no sample may come while all is well: twice what is usual, see `Tracker`."""
        between_s = 1 / self.rate_hz if self.rate_hz > 0 else 0.0
        return min(2 * max(between_s, self._gap_s), _LONGEST_STILL_S)

    def status(self, name: str, *, keeps: str = "") -> TrackerStatus:
        """Return what is known.

        Parameters
        ----------
        name
            What the tracker calls itself.
        keeps
            What it writes itself.
        """
        has_eye = self._now_s() - self._seen_s < _NO_BLINK_S
        return TrackerStatus(name, self.rate_hz, self.age_s, has_eye, keeps)
