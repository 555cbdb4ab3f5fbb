"""How far the map of gaze has drifted: where the eye rests, on average, as the animal holds fixation.

A trial in which the animal waits for the first image at the fixation point, and is rewarded, tells where the tracker
puts an eye that looks there. The mean over the last trials is the drift. It is told, and the map is moved by the
operator's word alone. An eye that the window lets in no more is not in the mean: a drift as large as the window is seen
by trials that are ignored, not by this.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Final

from closedloop.artifacts.day.journal_rows import DriftChecked, GazeShifted, TrialOutcome
from rig.machine.apparatus import Apparatus
from rig.machine.notebook import Notebook
from rig.machine.table import Phase
from rig.operator.commands import Command
from rig.ports.gaze import GazePoint, GazeSample

N_TRIALS: Final = 20
"""Completed trials that the mean is of, the last ones."""

_LEAST_TRIALS: Final = 5
_LARGE_PART: Final = 0.25  # of the window's radius
_LARGEST_UNTOLD_DEG: Final = 0.5
_LEAST_ERRORS: Final = 3.0  # of the mean: an animal that looks here and there within a wide window has not drifted
_NOT_IN: Final[tuple[Phase, ...]] = ("start", "acquire", "hold", "on", "off", "reward", "end")


class GazeDrift:
    """Keeps what is known of the drift.

    Parameters
    ----------
    apparatus
        Whose gaze can be moved, and whose operator is told.
    notebook
        Where it is noted; where nobody is there, nothing is.
    window_deg
        Radius of the fixation window.
    """

    def __init__(self, apparatus: Apparatus, notebook: Notebook, *, window_deg: float) -> None:
        self._apparatus, self._notebook = apparatus, notebook
        self._large_deg = min(_LARGEST_UNTOLD_DEG, _LARGE_PART * window_deg)
        self._held: list[GazePoint] = []
        self._trials: deque[tuple[float, float]] = deque(maxlen=N_TRIALS)
        self._n_since = 0

    def look(self, state: Phase, samples: Iterable[GazeSample]) -> None:
        """Take the samples of a flip: those of an eye that holds fixation count."""
        if state == "start":
            self._held.clear()
        elif state == "hold":
            self._held += [one.point for one in samples if one.point is not None]

    def end_trial(self, outcome: TrialOutcome) -> None:
        """Take over a trial that was completed; a drift that is large is told, at most every `N_TRIALS` of them."""
        if outcome != "completed" or not self._held:
            return
        n = len(self._held)
        x_deg, y_deg = (math.fsum(values) / n for values in zip(*((p.x_deg, p.y_deg) for p in self._held), strict=True))
        self._trials.append((x_deg, y_deg))
        self._n_since += 1
        if self._n_since >= N_TRIALS and self._is_large():
            self.check()

    def check(self) -> None:
        """Note the drift as it is now, and tell it."""
        self._n_since = 0
        if not self._apparatus.has_operator or len(self._trials) < _LEAST_TRIALS:
            return
        x_deg, y_deg = self._mean()
        is_large = self._is_large()
        row = DriftChecked(
            x_deg=round(x_deg, 3),
            y_deg=round(y_deg, 3),
            n_trials=len(self._trials),
            is_large=is_large,
            time_s=self._notebook.now_s(),
        )
        self._notebook.write(row)
        n, remedy = len(self._trials), " The key d moves the map by it." if is_large else ""
        self._apparatus.tell(
            f"gaze has drifted by {x_deg:+.2f} deg to the right and {y_deg:+.2f} deg up ({n} trials).{remedy}"
        )

    def shift(self, command: Command, state: Phase) -> bool:
        """Move the map by the drift if that is what is asked for; return whether it is.

        Parameters
        ----------
        command
            What is asked for.
        state
            Of the machine: never within a trial.
        """
        if command.name != "shift":
            return False
        if state in _NOT_IN:
            command.refuse("not moved: a trial is under way. Pause, or recalibrate, first")
        elif len(self._trials) < _LEAST_TRIALS:
            command.refuse(
                f"not moved: expected at least {_LEAST_TRIALS} completed trials since the start or the last move, "
                f"found {len(self._trials)}"
            )
        else:
            x_deg, y_deg = (round(value, 3) for value in self._mean())
            n_trials = len(self._trials)
            self._apparatus.shift_gaze(-x_deg, -y_deg)
            self._notebook.write(
                GazeShifted(x_deg=-x_deg, y_deg=-y_deg, n_trials=n_trials, time_s=self._notebook.now_s())
            )
            self._trials.clear()
            self._n_since = 0
            command.answer(
                f"the map is moved by {-x_deg:+.2f} deg to the right and {-y_deg:+.2f} deg up, until the rig ends"
            )
        return True

    def _mean(self) -> tuple[float, float]:
        n = len(self._trials)
        return math.fsum(x for x, _ in self._trials) / n, math.fsum(y for _, y in self._trials) / n

    def _is_large(self) -> bool:
        (x_deg, y_deg), n = self._mean(), len(self._trials)
        scatter = math.fsum((x - x_deg) ** 2 + (y - y_deg) ** 2 for x, y in self._trials)
        error_deg = math.sqrt(scatter / (n * (n - 1))) if n > 1 else math.inf
        return math.hypot(x_deg, y_deg) > max(self._large_deg, _LEAST_ERRORS * error_deg)
