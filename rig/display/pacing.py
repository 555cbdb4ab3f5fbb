"""Frame pacing: how flips come, how evenly, and a timer for screens whose flips do not wait."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, quantiles
from typing import Literal

from closedloop.errors import SessionError
from rig.ports.clock import Clock

_RATE_TOLERANCE = 0.02  # 59.94 passes for 60, 61.5 does not
_NO_WAIT_FACTOR = 1.5  # flips that come this much faster than the screen's rate cannot be waiting for it
_LONG_FRAMES = 1.5  # an interval longer than this showed one picture for two frames
_MOST_LONG = 0.01  # of intervals: with 12 frames an image, one in eight images would be rejected
_LEAST_MEASURED_S = 10.0  # a screen that falters now and then is not seen in a second
_SPIN_S = 0.001  # sleep is late by up to a millisecond: the last one is spent looking at the clock
_SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast", "software")


@dataclass(frozen=True)
class FlipRate:
    """How flips come.

    Attributes
    ----------
    measured_hz
        Flips per second, from the median interval.
    pacing
        Who makes a flip last a frame: the screen's vertical blank, or a timer.
    """

    measured_hz: float
    pacing: Literal["vblank", "timer"]


def judge_flips(flips_s: Sequence[float], *, refresh_hz: float, renderer: str, simulated: bool) -> FlipRate:
    """Return how flips come, from the times of unpaced ones.

    Without a screen behind it (a virtual X server with a software renderer) flips return at once; a timer then paces
    them, in simulated sessions only. Anything else at a wrong rate is an error, never adapted to.

    Parameters
    ----------
    flips_s
        Times of flips in a row, seconds.
    refresh_hz
        What the session asks for.
    renderer
        Name of the graphics driver.
    simulated
        Whether the session is simulated: nobody depends on what is shown.

    Raises
    ------
    SessionError
        The rate is another, or flips do not wait where they must.
    """
    intervals_s = [later - earlier for earlier, later in pairwise(flips_s)]
    measured_hz, fastest_hz = 1.0 / median(intervals_s), 1.0 / quantiles(intervals_s, n=10)[0]
    waits = fastest_hz < _NO_WAIT_FACTOR * refresh_hz
    if waits and abs(measured_hz / refresh_hz - 1.0) <= _RATE_TOLERANCE:
        return FlipRate(measured_hz=measured_hz, pacing="vblank")
    found = f"display: expected {refresh_hz:g} frames per second, found {measured_hz:.1f} ({renderer})."
    if not any(name in renderer.lower() for name in _SOFTWARE_RENDERERS) or waits:
        raise SessionError(
            f"{found} Set the screen's mode and turn vertical sync on, or plan the session for this rate."
        )
    if not simulated:
        raise SessionError(f"{found} Flips do not wait for a screen; show a real session on a real one.")
    return FlipRate(measured_hz=measured_hz, pacing="timer")


@dataclass(frozen=True)
class Evenness:
    """How evenly flips came.

    Attributes
    ----------
    measured_hz
        Flips per second, from the median interval.
    duration_s
        How long they were watched.
    n_intervals
        From one to the next.
    n_long
        Of these, how many lasted more than one frame.
    longest_frames
        The longest, in frames.
    """

    measured_hz: float
    duration_s: float
    n_intervals: int
    n_long: int
    longest_frames: float

    @property
    def words(self) -> str:
        """What was found, for a person."""
        return (
            f"{self.measured_hz:.2f} Hz over {self.duration_s:.1f} s, {self.n_long} of {self.n_intervals} intervals "
            f"longer than a frame (longest: {self.longest_frames:.1f} frames)"
        )


def measure_evenness(flips_s: Sequence[float], *, refresh_hz: float) -> Evenness:
    """Return how evenly flips came that were asked for in a row.

    Parameters
    ----------
    flips_s
        Their times, seconds; at least two.
    refresh_hz
        What the session asks for.
    """
    intervals_s = [later - earlier for earlier, later in pairwise(flips_s)]
    return Evenness(
        measured_hz=1.0 / median(intervals_s),
        duration_s=flips_s[-1] - flips_s[0],
        n_intervals=len(intervals_s),
        n_long=sum(1 for interval_s in intervals_s if interval_s * refresh_hz > _LONG_FRAMES),
        longest_frames=max(intervals_s) * refresh_hz,
    )


def refuse_uneven(evenness: Evenness, *, refresh_hz: float) -> None:
    """Refuse a screen that shows pictures for longer than a frame too often, or was not watched for long enough.

    Parameters
    ----------
    evenness
        As measured.
    refresh_hz
        What the session asks for.

    Raises
    ------
    SessionError
        The rate is another, more than one interval in a hundred is long, or the measurement was short.
    """
    if evenness.duration_s < _LEAST_MEASURED_S * (1.0 - _RATE_TOLERANCE):
        raise SessionError(
            f"refresh: expected a measurement of {_LEAST_MEASURED_S:g} s, found {evenness.duration_s:.1f} s. "
            "Measure again."
        )
    if abs(evenness.measured_hz / refresh_hz - 1.0) > _RATE_TOLERANCE:
        raise SessionError(
            f"refresh: expected {refresh_hz:g} frames per second, found {evenness.words}. "
            "Set the screen's mode and turn vertical sync on, or plan the session for this rate."
        )
    if evenness.n_long > _MOST_LONG * evenness.n_intervals:
        raise SessionError(
            f"refresh: expected at most {_MOST_LONG:.0%} of intervals longer than a frame, found {evenness.words}. "
            "Close other programs, turn the desktop's effects off, unplug other screens, then check again."
        )


class TimerPacing:
    """Waits for the next frame of a fixed raster. A frame that is missed is gone, as on a screen."""

    def __init__(self, clock: Clock, *, refresh_hz: float) -> None:
        self._clock = clock
        self._period_s = 1.0 / refresh_hz
        self._start_s = clock.now_s()
        self._frame = 0

    @property
    def frame(self) -> int:
        """The frame of the raster that was waited for last."""
        return self._frame

    def wait(self) -> None:
        """Return at the next frame."""
        elapsed_s = self._clock.now_s() - self._start_s
        self._frame = max(self._frame + 1, int(elapsed_s / self._period_s) + 1)
        deadline_s = self._start_s + self._frame * self._period_s
        left_s = deadline_s - self._clock.now_s()
        if left_s > _SPIN_S:
            time.sleep(left_s - _SPIN_S)
        while self._clock.now_s() < deadline_s:
            pass


class ScreenPacing:
    """Nothing to wait for: the flip itself waits for the vertical blank."""

    def wait(self) -> None:
        """Return at once."""
