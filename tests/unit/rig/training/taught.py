"""Runs of a training on a simulated animal."""

from __future__ import annotations

import datetime

from closedloop.artifacts.day.journal_rows import TrialBegun, TrialEnded
from rig.stop import StopRequest
from rig.training.staircase import Staircase, after_trial
from rig.training.train import TrainingRun, train

FIRST = datetime.date(2026, 11, 2)


def teach(folder, *, day=0, minutes=2.0, **chosen):
    chosen = {"subject": "Nelson", "simulated": True, "display": "headless", **chosen}
    run = TrainingRun(folder=folder, minutes=minutes, today=FIRST + datetime.timedelta(days=day), **chosen)
    return train(run, stop=StopRequest(), on_trial=lambda _course: None, on_findings=lambda _findings: None)


def asked(journal):
    return [row.asks for row in journal.rows if isinstance(row, TrialBegun)]


def climbed(day):
    """Return the hold and window of each trial as the rule gives them from the outcomes alone."""
    stairs, levels = Staircase(day.day.start), []
    for row in day.journal.rows:
        if isinstance(row, TrialBegun):
            levels.append((stairs.level.hold_ms, stairs.level.window_deg))
        elif isinstance(row, TrialEnded):
            stairs = after_trial(stairs, row.outcome, day.day.settings)
    return levels, stairs.level
