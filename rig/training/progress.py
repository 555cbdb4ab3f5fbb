"""A training in numbers, a day each, counted from the journals alone: a day that was killed counts like any other."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass

from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import RewardNoted, TrialAsks, TrialBegun, TrialEnded, TrialOutcome
from closedloop.artifacts.day.presented.launch_times import time_at_work_s
from closedloop.artifacts.day.session_summary import confirmed_reward_ms
from closedloop.artifacts.rig.calibrations import ValveVolume
from closedloop.artifacts.rig.training import TaughtLevel, TrainingSettings
from rig.ports.reward import NOBODY
from rig.training.folder import DayFolder


@dataclass(frozen=True)
class TaughtTrial:
    """What a trial asked for, and how it ended."""

    asks: TrialAsks
    outcome: TrialOutcome


@dataclass(frozen=True)
class TaughtDay:
    """A day of training.

    Attributes
    ----------
    name, date, subject, simulated
        Of its folder, and whose day it was.
    settings
        The rule of that day.
    trials
        Those that ended, in their order.
    end
        What the next trial would have asked for.
    has_valve
        Whether any reward could be given.
    reward_ms
        How long the valve was open in all, as far as it confirmed.
    reward_ml
        What that was; None where nobody had weighed openings as long as these.
    minutes
        The rig at work, over all launches.
    n_launches, was_cut
        Of the rig, and whether the last one ended without a word.
    rig, overrides
        Name of the rig, and checks that the operator overrode.
    """

    name: str
    date: datetime.date
    subject: str
    simulated: bool
    settings: TrainingSettings
    trials: tuple[TaughtTrial, ...]
    end: TaughtLevel
    has_valve: bool
    reward_ms: float
    reward_ml: float | None
    minutes: float
    n_launches: int
    was_cut: bool
    rig: str | None
    overrides: tuple[str, ...]

    @property
    def counts(self) -> Counter[TrialOutcome]:
        """How many trials ended how."""
        return Counter(trial.outcome for trial in self.trials)

    @property
    def longest_ms(self) -> float:
        """The longest hold of a trial that was completed; 0 where none was."""
        return max((trial.asks.hold_ms for trial in self.trials if trial.outcome == "completed"), default=0.0)


def count_day(day: DayFolder) -> TaughtDay:
    """Return a day that was begun, in numbers.

    Raises
    ------
    ValueError
        It was not.
    """
    journal = day.journal
    if journal is None:
        raise ValueError(f"expected a day that was begun, found {day.path}")
    asked = {row.trial: row.asks for row in journal.rows if isinstance(row, TrialBegun) and row.asks is not None}
    ended = [row for row in journal.rows if isinstance(row, TrialEnded)]
    return TaughtDay(
        name=day.path.name,
        date=day.day.date,
        subject=day.day.subject,
        simulated=day.day.simulated,
        settings=day.day.settings,
        trials=tuple(TaughtTrial(asked[row.trial], row.outcome) for row in ended),
        end=day.course.level,
        has_valve=any(launch.reward not in (None, NOBODY) for launch in journal.launches),
        reward_ms=confirmed_reward_ms(journal.rows),
        reward_ml=_reward_ml(day.day.valve, journal),
        minutes=time_at_work_s(journal.rows) / 60.0,
        n_launches=len(journal.launches),
        was_cut=day.was_cut,
        rig=journal.launches[-1].rig,
        overrides=tuple(sorted({name for launch in journal.launches for name in launch.overrides})),
    )


def _reward_ml(valve: ValveVolume | None, journal: Journal) -> float | None:
    """Add up what the confirmed openings gave, each by its own length: a valve takes a while to open."""
    if valve is None:
        return None
    confirmed = [row for row in journal.rows if isinstance(row, RewardNoted) and row.state == "acknowledged"]
    given = [valve.ml(row.duration_ms) for row in confirmed]
    known = [ml for ml in given if ml is not None]
    return sum(known) if len(known) == len(given) else None
