"""A training as a course of trials: what the staircase asks for, as settings of the machine's trial."""

from __future__ import annotations

from closedloop.artifacts.day.journal_rows import TrialAsks, TrialOutcome
from closedloop.artifacts.day.session import TrialSettings
from closedloop.artifacts.rig.training import TaughtLevel, TrainingDay
from rig.training.staircase import Staircase, after_trial, reward_ms


class TaughtCourse:
    """What the trials of a day of training ask for.

    Parameters
    ----------
    day
        With what it began.
    trial
        What stays the same all day.
    """

    def __init__(self, day: TrainingDay, trial: TrialSettings) -> None:
        self._rule, self._trial = day.settings, trial
        self._stairs = Staircase(day.start)
        self._rewarded_before = day.rewarded_before
        self.n_completed = 0

    @property
    def level(self) -> TaughtLevel:
        """What the next trial asks for."""
        return self._stairs.level

    @property
    def n_rewarded(self) -> int:
        """Trials completed on this day and all before."""
        return self._rewarded_before + self.n_completed

    @property
    def asks(self) -> TrialAsks:
        """What the next trial asks for, as the journal says it."""
        return TrialAsks(
            hold_ms=self.level.hold_ms,
            fixation_window_deg=self.level.window_deg,
            reward_ms=reward_ms(self.level, self._rule),
        )

    @property
    def settings(self) -> TrialSettings:
        """What the next trial asks for, as the machine takes it."""
        return self._trial.model_copy(update=self.asks.model_dump())

    def end_trial(self, outcome: TrialOutcome) -> None:
        """Take how a trial ended."""
        self._stairs = after_trial(self._stairs, outcome, self._rule)
        self.n_completed += outcome == "completed"
