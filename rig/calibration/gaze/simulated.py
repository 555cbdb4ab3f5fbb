"""An eye that looks at the targets, seen by a tracker whose units are its own: to practise with, and for tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

from closedloop.artifacts.naming import generator
from rig.display.display import Flip, Picture
from rig.ports.gaze import GazePoint, GazeSample

_LATENCY_S = (0.15, 0.35)  # saccadic reaction times of trained macaques
_SACCADE_S = 0.04
_BLINK_S = 0.1


@dataclass(frozen=True)
class Distortion:
    """How a tracker turns degrees into its two values: an offset, and units for each degree to the right and up."""

    first: tuple[float, float, float] = (512.0, 41.0, 3.5)
    second: tuple[float, float, float] = (-230.0, -2.0, -37.0)

    def to_units(self, x_deg: float, y_deg: float) -> GazePoint:
        """Return what the tracker says of an eye that looks there."""
        one, two = self.first, self.second
        return GazePoint(one[0] + one[1] * x_deg + one[2] * y_deg, two[0] + two[1] * x_deg + two[2] * y_deg)


class SimulatedEye:
    """Looks at each target after a reaction time and a saccade, rests beside it, and blinks now and then.

    It is a source of gaze in the tracker's units, and has to be told of each picture that it sees (`see`).

    Parameters
    ----------
    seed
        Of its habits and noise.
    distortion
        Of its tracker.
    rest_sd_deg
        Scatter of the places where it rests around the targets, degrees on each axis.
    noise_sd_deg
        Of the tracker's samples, degrees on each axis.
    sample_hz
        Samples per second.
    """

    name = "scripted"

    def __init__(
        self,
        *,
        seed: int = 0,
        distortion: Distortion | None = None,
        rest_sd_deg: float = 0.08,
        noise_sd_deg: float = 0.15,
        sample_hz: float = 500.0,
    ) -> None:
        self._rng = generator(seed, "simulated eye")
        self._distortion = distortion or Distortion()
        self._rest_sd_deg, self._noise_sd_deg, self._sample_hz = rest_sd_deg, noise_sd_deg, sample_hz
        self._target: tuple[float, float] | None = None
        self._start = self._goal = (0.0, 0.0)
        self._leaves_s, self._blinks_s = -math.inf, math.inf
        self._n_samples: int | None = None

    def see(self, picture: Picture, flip: Flip) -> None:
        """See a picture that went on: a new target is looked at, and without one the eye stays where it is."""
        if picture.target_deg is None or picture.target_deg == self._target:
            return
        self._target = picture.target_deg
        self._start = self._place(flip.time_s)
        x, y = self._rng.normal(0.0, self._rest_sd_deg, 2)
        self._goal = (self._target[0] + float(x), self._target[1] + float(y))
        self._leaves_s = flip.time_s + float(self._rng.uniform(*_LATENCY_S))
        self._blinks_s = self._leaves_s + float(self._rng.uniform(0.1, 5.0))

    def start_trial(self, trial: int, time_s: float) -> None:
        """Do nothing: it sees what is shown."""

    def samples(self, now_s: float) -> list[GazeSample]:
        """Return the samples since the last call."""
        last = math.floor(now_s * self._sample_hz)
        first = last if self._n_samples is None else self._n_samples + 1
        self._n_samples = max(last, first - 1)
        return [self._sample(number / self._sample_hz) for number in range(first, last + 1)]

    def close(self) -> None:
        """Do nothing: it holds nothing."""

    def _sample(self, time_s: float) -> GazeSample:
        if self._blinks_s <= time_s < self._blinks_s + _BLINK_S:
            return GazeSample(time_s, None)
        x, y = self._place(time_s)
        dx, dy = self._rng.normal(0.0, self._noise_sd_deg, 2)
        return GazeSample(time_s, self._distortion.to_units(x + float(dx), y + float(dy)))

    def _place(self, time_s: float) -> tuple[float, float]:
        part = min(max((time_s - self._leaves_s) / _SACCADE_S, 0.0), 1.0)
        (x0, y0), (x1, y1) = self._start, self._goal
        return x0 + part * (x1 - x0), y0 + part * (y1 - y0)
