"""How long the session takes."""

from __future__ import annotations

from statistics import median

from closedloop.artifacts.catalog import SESSION, SUMMARY
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.protocol.protocol import session_hours
from closedloop.artifacts.protocol.rounds import rounds_of_day
from closedloop.gates.context import GateContext
from closedloop.gates.levels import finding, level_of

_S_PER_HOUR = 3600


def hours(context: GateContext) -> GateFinding:
    """Compare the session's length with the hours of a day, at the median pace of the days before.

    The pace is the rig's time at work for an accepted presentation. Day 0 has none before it: its trials are expected
    to break as often as the protocol says. The rounds of a day share its hours: those before have had theirs.
    """
    n_presentations = context.read(SESSION).n_presentations
    allowed_h = context.protocol.trial.hours_per_day
    paces_s = [
        summary.duration_s / summary.n_accepted
        for one in context.earlier
        if one.has(SUMMARY) and (summary := one.read(SUMMARY)).n_accepted
    ]
    planned_h = session_hours(context.protocol, n_presentations=n_presentations)
    needed_h = n_presentations * median(paces_s) / _S_PER_HOUR if paces_s else planned_h
    spent_h = _spent_h(context)
    pace = "at the pace of the days before" if paces_s else "with as many broken trials as the protocol expects"
    return finding(
        "hours",
        level_of((spent_h + needed_h) / allowed_h, context.protocol.gates.hours),
        expected=f"a session of at most {allowed_h:g} h"
        + (f" less the {spent_h:.2f} h of the day's rounds before" if spent_h else ""),
        found=f"{n_presentations:,} presentations = {needed_h:.2f} h {pace}",
        remedy="Plan fewer images or repetitions in protocol.yaml, or allow more hours there; or approve it: a session "
        "that is stopped early counts as far as it went.",
        values={"needed_h": needed_h, "planned_h": planned_h, "allowed_h": allowed_h}
        | ({"spent_h": spent_h} if spent_h else {}),
    )


def _spent_h(context: GateContext) -> float:
    """Return how long the rig was at work in the rounds of the day before this one; 0 of a day that is not cut."""
    if not 1 < context.block.number <= rounds_of_day(context.protocol.rounds, context.day):
        return 0.0
    rounds = (one for one in context.earlier if one.day == context.day and one.has(SUMMARY))
    return sum(one.read(SUMMARY).duration_s for one in rounds) / _S_PER_HOUR
