"""A simulated animal that learns to fixate, so that a training can be tried without one. It is no model of learning.

In every trial it holds still for a time drawn around what it can: at first `_FIRST_HOLD_MS`, and `_GROWTH` times longer
for each trial that it was rewarded for, on this day or before, up to `_MOST_HOLD_MS`. Where it looks scatters around
the point, at first by `_FIRST_SCATTER_DEG`, in the end by `_LEAST_SCATTER_DEG`. One trial in ten it ignores. Each trial
is a function of the seed, the trial's number, and how often it was rewarded: a day that was killed and goes on ends
like an undisturbed one.
"""

from __future__ import annotations

import math

from closedloop.artifacts.naming import generator
from rig.ports.gaze import GazePoint, GazeSample
from rig.training.course import TaughtCourse

_FIRST_HOLD_MS, _MOST_HOLD_MS, _GROWTH = 220.0, 4_000.0, 1.0008
_FIRST_SCATTER_DEG, _LEAST_SCATTER_DEG, _SHRINKAGE = 1.6, 0.4, 0.9992
_HOLD_SPREAD = 0.35  # standard deviation of the logarithm
_IGNORES = 0.1  # as MWorks' monkey does
_LATENCY_S = (0.15, 0.35)  # saccadic reaction times of trained macaques to a fixation point
_AWAY_DEG = 12.0  # outside of the largest window that a training begins with


class LearningGaze:
    """The eye of a simulated animal, with a sample for each time it is asked: one a frame.

    Parameters
    ----------
    course
        Knows how often it was rewarded.
    seed
        Of its trials.
    """

    name = "scripted"

    def __init__(self, course: TaughtCourse, *, seed: int) -> None:
        self._course, self._seed = course, seed
        self._arrives_s = self._leaves_s = math.inf
        self._rest = self._away = GazePoint(_AWAY_DEG, 0.0)

    def start_trial(self, trial: int, time_s: float) -> None:
        """Decide what the eye does in a trial."""
        known = self._course.n_rewarded
        random = generator(self._seed, "learning monkey", trial, known)
        ignores, latency, angle = random.random(3)
        hold_s = held_ms(known) * math.exp(_HOLD_SPREAD * float(random.normal())) / 1000.0
        x_deg, y_deg = random.normal(0.0, scatter_deg(known), 2)
        self._arrives_s = time_s + _LATENCY_S[0] + latency * (_LATENCY_S[1] - _LATENCY_S[0])
        if ignores < _IGNORES:
            self._arrives_s = math.inf
        self._leaves_s = self._arrives_s + hold_s
        self._rest = GazePoint(float(x_deg), float(y_deg))
        self._away = GazePoint(_AWAY_DEG * math.cos(math.tau * angle), _AWAY_DEG * math.sin(math.tau * angle))

    def samples(self, now_s: float) -> tuple[GazeSample]:
        """Return where the eye is now."""
        return (GazeSample(now_s, self._rest if self._arrives_s <= now_s < self._leaves_s else self._away),)

    def close(self) -> None:
        """Do nothing: a simulated animal holds nothing."""


def held_ms(n_rewarded: int) -> float:
    """Return how long the animal can hold still, in the middle, after so many rewards."""
    # The power of a growth beyond the largest float is an error; the logarithm says first where it would end.
    most = math.log(_MOST_HOLD_MS / _FIRST_HOLD_MS) / math.log(_GROWTH)
    return float(_FIRST_HOLD_MS * _GROWTH ** min(n_rewarded, most))


def scatter_deg(n_rewarded: int) -> float:
    """Return the standard deviation of where it looks, along each axis, after so many rewards."""
    return max(_FIRST_SCATTER_DEG * _SHRINKAGE**n_rewarded, _LEAST_SCATTER_DEG)
