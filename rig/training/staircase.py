"""The staircase of a training: how much is asked for after each trial.

Looked at are the trials since the last step, the last `of_last` of them at most. Once `completed_for_step_up` of them
were completed, the hold is multiplied by `hold_step` and the window by `window_step`; once `missed_for_step_down` of
them were broken or ignored, both are divided. Neither leaves its bounds, and after a step the count begins anew.

A trial that was ignored counts like a broken one: an eye that never comes to rest in a window that has become too small
is one that ignores the trial. But an animal that ignored `asleep_after` trials in a row is not at work: what it ignores
from then on counts for nothing, and so does a trial that the rig or its operator stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from closedloop.artifacts.day.journal_rows import TrialOutcome
from closedloop.artifacts.rig.training import TaughtLevel, TrainingSettings

_DIGITS = 3  # a thousandth of a millisecond: a level is the same number in the journal and in memory


@dataclass(frozen=True)
class Staircase:
    """Where a training is.

    Attributes
    ----------
    level
        What the next trial asks for.
    recent
        Whether each trial since the last step was completed, the newest last.
    n_ignored
        Trials ignored in a row.
    """

    level: TaughtLevel
    recent: tuple[bool, ...] = ()
    n_ignored: int = 0


def first_level(settings: TrainingSettings) -> TaughtLevel:
    """Return what the first trial of the first day asks for."""
    return TaughtLevel(hold_ms=settings.start_hold_ms, window_deg=settings.start_window_deg)


def next_run(level: TaughtLevel, settings: TrainingSettings, *, is_new_day: bool) -> TaughtLevel:
    """Return what a run begins with after one that ended at a level: steps back on a new day, none within a day.

    Parameters
    ----------
    level
        Where the last run ended.
    settings
        The rule's numbers, which may have been edited in between.
    is_new_day
        Whether the last run was of another date: an animal forgets over night, not over a pause.
    """
    return _step(level, settings, -settings.steps_back_a_day if is_new_day else 0)


def after_trial(stairs: Staircase, outcome: TrialOutcome, settings: TrainingSettings) -> Staircase:
    """Return where a training is after one more trial.

    Parameters
    ----------
    stairs
        Where it was.
    outcome
        How the trial ended.
    settings
        The rule's numbers.
    """
    if outcome == "stopped":
        return stairs
    n_ignored = stairs.n_ignored + 1 if outcome == "ignored" else 0
    if n_ignored > settings.asleep_after:
        return replace(stairs, n_ignored=n_ignored)
    recent = (*stairs.recent, outcome == "completed")[-settings.of_last :]
    if sum(recent) >= settings.completed_for_step_up:
        return Staircase(_step(stairs.level, settings, 1), n_ignored=n_ignored)
    if len(recent) - sum(recent) >= settings.missed_for_step_down:
        return Staircase(_step(stairs.level, settings, -1), n_ignored=n_ignored)
    return Staircase(stairs.level, recent, n_ignored)


def reward_ms(level: TaughtLevel, settings: TrainingSettings) -> float:
    """Return how long the valve is open for a trial that was completed at a level."""
    grown_ms = settings.reward_ms + settings.reward_ms_a_second * level.hold_ms / 1000.0
    return min(round(grown_ms, _DIGITS), settings.largest_reward_ms)


def _step(level: TaughtLevel, settings: TrainingSettings, n: int) -> TaughtLevel:
    hold_ms = round(level.hold_ms * settings.hold_step**n, _DIGITS)
    window_deg = round(level.window_deg * settings.window_step**n, _DIGITS)
    return TaughtLevel(
        hold_ms=min(max(hold_ms, settings.shortest_hold_ms), settings.longest_hold_ms),
        window_deg=min(max(window_deg, settings.smallest_window_deg), settings.start_window_deg),
    )
