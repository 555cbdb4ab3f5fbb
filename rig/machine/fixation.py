"""Is the animal fixating? A window in degrees, and a boxcar so that one bad sample breaks nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from closedloop.artifacts.day.session import TrialSettings
from rig.ports.gaze import GazePoint, GazeSample

_SAMPLES_A_SECOND = 60.0  # the boxcar is given in samples of a tracker that is read once a frame, as the first rig's
_JITTER_S = 1e-3  # samples of a tracker and flips of a screen come that far off their raster


@dataclass(frozen=True)
class _EyeSample:
    """A sample, how long it stands for (since the one before), and whether it lies outside of the window."""

    time_s: float
    lasts_s: float
    point: GazePoint | None
    is_outside: bool


class FixationWindow:
    """The gaze samples of a trial against a round window.

    It has fixated when the boxcar is full and its mean inside. From then on (`hold`) every sample is judged as it came,
    however many came between two frames: the eye has left when it was seen outside for the grace on end; or, an eye
    that hops in and out or is lost between, when it was not inside for as long within the boxcar and the mean over the
    boxcar lies outside. A single sample in a saccade, or a blink shorter than the boxcar, does neither, unless the
    grace is shorter still. No sample for as long as the boxcar is a lost eye.

    Parameters
    ----------
    radius_deg
        Radius of the window, degrees.
    boxcar_s
        Length of the boxcar, seconds.
    grace_s
        How long the eye may be outside, seconds.
    start_s
        When the fixation point went on.
    """

    def __init__(self, *, radius_deg: float, boxcar_s: float, grace_s: float, start_s: float) -> None:
        self._radius_deg, self._boxcar_s, self._grace_s = radius_deg, boxcar_s, grace_s
        self._span_s = max(boxcar_s, grace_s)
        self._start_s = self._now_s = start_s
        self._samples: deque[_EyeSample] = deque()
        self._seen_outside_s = 0.0
        self._has_left = False

    def hold(self) -> None:
        """Judge every sample from here on: the eye has come to rest."""
        self._has_left = False

    def add(self, samples: Iterable[GazeSample], now_s: float) -> None:
        """Take the samples that came until now, oldest first; those from before the trial are left out."""
        for sample in samples:
            if sample.time_s > self._start_s:
                self._add(sample)
        self._now_s = max(self._now_s, now_s)

    def _add(self, sample: GazeSample) -> None:
        before_s = self._samples[-1].time_s if self._samples else self._start_s
        lasts_s, is_outside = max(sample.time_s - before_s, 0.0), self._is_outside(sample.point)
        self._samples.append(_EyeSample(sample.time_s, lasts_s, sample.point, is_outside))
        self._seen_outside_s = self._seen_outside_s + lasts_s if sample.point is not None and is_outside else 0.0
        while self._samples[0].time_s <= sample.time_s - self._span_s + _JITTER_S:
            self._samples.popleft()
        self._has_left = self._has_left or self._leaves()

    @property
    def acquired(self) -> bool:
        """Whether the eye has come to rest in the window."""
        full = sum(one.lasts_s for one in self._samples) >= self._boxcar_s - _JITTER_S
        return full and not self._samples[-1].is_outside and not self._is_mean_outside()

    @property
    def broken(self) -> bool:
        """Whether the eye has left the window since it came to rest in it."""
        newest_s = self._samples[-1].time_s if self._samples else self._start_s
        return self._has_left or self._now_s - newest_s >= self._span_s + _JITTER_S

    def _leaves(self) -> bool:
        if not self._samples[-1].is_outside:
            return False
        if self._seen_outside_s >= self._grace_s - _JITTER_S and self._samples[-1].point is not None:
            return True
        away_s = sum(one.lasts_s for one in self._samples if one.is_outside)
        return away_s >= self._grace_s - _JITTER_S and self._is_mean_outside()

    def _is_outside(self, point: GazePoint | None) -> bool:
        return point is None or point.eccentricity_deg > self._radius_deg

    def _is_mean_outside(self) -> bool:
        seen = [one.point for one in self._samples if one.point is not None]
        if not seen:
            return True
        mean = GazePoint(sum(s.x_deg for s in seen) / len(seen), sum(s.y_deg for s in seen) / len(seen))
        return self._is_outside(mean)


def boxcar_s(trial: TrialSettings) -> float:
    """Return the length of a trial's boxcar, seconds."""
    return trial.saccade_boxcar_samples / _SAMPLES_A_SECOND


def grace_s(trial: TrialSettings) -> float:
    """Return how long the eye may be outside, seconds: where the session does not say, half of the boxcar."""
    return boxcar_s(trial) / 2 if trial.gaze_grace_ms is None else trial.gaze_grace_ms / 1000.0
