"""The port to the eye tracker, and a scripted monkey for sessions without one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from closedloop.artifacts.day.session import ScriptedMonkey
from closedloop.artifacts.naming import generator

PASSIVE: Final = "none"
"""Name of the gaze that nobody looks at: passive viewing."""

_LATENCY_S = (0.15, 0.35)  # saccadic reaction times of trained macaques to a fixation point
_SACCADE_S = 0.04  # an 8 degree saccade at its usual main-sequence duration
_AWAY_DEG = 8.0
_OFFSET_SD_DEG = 0.15  # fixation error between trials
_LOST_S = 0.02  # a tracker that loses the eye for a sample or two


@dataclass(frozen=True)
class GazePoint:
    """Where the eye looks, in degrees from the fixation point: right and up are positive."""

    x_deg: float
    y_deg: float

    @property
    def eccentricity_deg(self) -> float:
        """Distance from the fixation point."""
        return math.hypot(self.x_deg, self.y_deg)


@dataclass(frozen=True)
class GazeSample:
    """What an eye tracker measured once.

    Attributes
    ----------
    time_s
        When, on the display's clock.
    point
        Where the eye looked; None while the tracker had no eye (a blink).
    """

    time_s: float
    point: GazePoint | None


class Gaze(Protocol):
    """An eye tracker, or what stands in for one."""

    @property
    def name(self) -> str:
        """Whose gaze it is, for the journal: the tracker's name, scripted, mouse, or none."""
        ...

    def start_trial(self, trial: int, time_s: float) -> None:
        """Note that the fixation point of a trial went on."""
        ...

    def samples(self, now_s: float) -> Sequence[GazeSample]:
        """Return every sample since the last call, oldest first; none where none came.

        Raises
        ------
        SessionError
            The tracker is gone.
        """
        ...

    def close(self) -> None:
        """Release the tracker."""
        ...


@dataclass(frozen=True)
class _Script:
    """One trial of the scripted monkey; times in seconds after the fixation point went on."""

    arrives_s: float
    leaves_s: float
    lost_s: float
    rest: GazePoint
    away: GazePoint


class ScriptedGaze:
    """A monkey whose every trial is a function of its seed and the trial's number.

    Some trials it ignores, some it leaves early at a random moment; otherwise it looks at the fixation point after a
    reaction time and a saccade. In half of its trials the tracker loses the eye for 20 ms. Its tracker has a sample
    for each time it is asked: one a frame.

    Parameters
    ----------
    monkey
        Its seed and habits.
    fixation_s
        How long a whole trial asks it to fixate, in seconds: it leaves at a moment within.
    """

    name = "scripted"

    def __init__(self, monkey: ScriptedMonkey, *, fixation_s: float) -> None:
        self._monkey = monkey
        self._fixation_s = fixation_s
        self._start_s = 0.0
        self._script = self._write_script(0)

    def start_trial(self, trial: int, time_s: float) -> None:
        """Begin the script of a trial."""
        self._start_s = time_s
        self._script = self._write_script(trial)

    def samples(self, now_s: float) -> tuple[GazeSample]:
        """Return where the monkey looks now."""
        return (GazeSample(now_s, self._look(now_s)),)

    def _look(self, time_s: float) -> GazePoint | None:
        elapsed_s, script = time_s - self._start_s, self._script
        if script.lost_s <= elapsed_s < script.lost_s + _LOST_S:
            return None
        if elapsed_s >= script.leaves_s:
            return _between(script.rest, script.away, (elapsed_s - script.leaves_s) / _SACCADE_S)
        return _between(script.away, script.rest, (elapsed_s - script.arrives_s) / _SACCADE_S)

    def close(self) -> None:
        """Do nothing: a scripted monkey holds nothing."""

    def _write_script(self, trial: int) -> _Script:
        rng = generator(self._monkey.seed, "monkey", trial)
        ignores, leaves, loses = rng.random(3) < (
            self._monkey.ignore_probability,
            self._monkey.leave_early_probability,
            0.5,
        )
        latency_s, leave_part, lost_part, angle = rng.random(4)
        arrives_s = _LATENCY_S[0] + latency_s * (_LATENCY_S[1] - _LATENCY_S[0])
        x_deg, y_deg = rng.normal(0.0, _OFFSET_SD_DEG, 2)
        return _Script(
            arrives_s=math.inf if ignores else arrives_s,
            leaves_s=arrives_s + _SACCADE_S + leave_part * self._fixation_s if leaves and not ignores else math.inf,
            lost_s=arrives_s + lost_part * self._fixation_s if loses else math.inf,
            rest=GazePoint(float(x_deg), float(y_deg)),
            away=GazePoint(_AWAY_DEG * math.cos(math.tau * angle), _AWAY_DEG * math.sin(math.tau * angle)),
        )


def _between(start: GazePoint, end: GazePoint, part: float) -> GazePoint:
    if part <= 0.0:
        return start
    if part >= 1.0:
        return end
    return GazePoint(start.x_deg + part * (end.x_deg - start.x_deg), start.y_deg + part * (end.y_deg - start.y_deg))


class NoGaze:
    """Passive viewing: nobody looks at the eye, and every image that is shown to its end counts."""

    name = PASSIVE

    def start_trial(self, trial: int, time_s: float) -> None:
        """Do nothing: nobody is told."""

    def samples(self, now_s: float) -> tuple[()]:  # noqa: ARG002 - as the port names it
        """Return none."""
        return ()

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
