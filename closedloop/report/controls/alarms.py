"""What a page warns of: sites that move or answer, and not as the model says of these very sites."""

from __future__ import annotations

import math
from collections.abc import Sequence

from closedloop.artifacts.records.sequence import FIRST
from closedloop.plain_text.printed import capitalized
from closedloop.report.reading import DayRecord, SensitivityRow
from closedloop.report.wording import number, plus_minus

_ALARM_STANDARD_ERRORS = 3.0
_LOOK = "check the channel map, the alignment and the sign before believing this day."


def alarms(day: DayRecord, summary: Sequence[SensitivityRow]) -> list[str]:
    """Return what a day's page warns of. On day 0 there is no model yet whose sites could be wrong.

    Parameters
    ----------
    day
        A session.
    summary
        Means over sites, of its day among others.
    """
    if day.session == FIRST:
        return []
    return [*_estimates_part(day, summary), *_map_is_another(day)]


def _estimates_part(day: DayRecord, summary: Sequence[SensitivityRow]) -> list[str]:
    """Warn where the model-free estimate stands far above the paper's: a wrong map or sign."""
    rows = {(row.estimate, row.epsilon): row for row in summary if row.day == day.day}
    return [
        f"{capitalized(day.session.said)}, ε = {epsilon:g}: the cross-fitted estimate "
        f"({plus_minus(cross.mean, cross.standard_error)}) is far above the paper's "
        f"({plus_minus(paper.mean, paper.standard_error)}). The sites move, but not where the model says: {_LOOK}"
        for (estimate, epsilon), paper in rows.items()
        if estimate == "paper" and (cross := rows.get(("cross_fitted", epsilon))) and far_above(cross, paper)
    ]


def far_above(cross: SensitivityRow, paper: SensitivityRow) -> bool:
    """Return whether the cross-fitted estimate is above the paper's by more than their noise.

    Parameters
    ----------
    cross, paper
        Of the same day and epsilon.
    """
    return cross.mean - paper.mean > _ALARM_STANDARD_ERRORS * math.hypot(cross.standard_error, paper.standard_error)


def _map_is_another(day: DayRecord) -> list[str]:
    """Warn where the sealed predictions fit the sites that they are for no better than any others."""
    fit = day.evaluation.map_fit if day.evaluation else None
    if fit is None or not fit.rings:
        return []
    return [
        f"{capitalized(day.session.said)}: the model's predictions of clean images fit the sites that they are for "
        f"(r = {number(fit.r_own)}) no better than in a random order of the sites (other sites {number(fit.r_other)}, "
        f"p = {number(fit.p)}): {_LOOK}"
    ]
