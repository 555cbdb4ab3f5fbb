"""Table of what the attacks attained of the white-box bound: simulated studies alone have one."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.artifacts.day.evaluation import AttainedFraction
from closedloop.artifacts.protocol.analysis import Evaluation
from closedloop.report.reading import DayRecord
from closedloop.report.tables import Table, attained
from closedloop.report.wording import DASH, number


def attained_over_days(days: Sequence[DayRecord], evaluation: Evaluation) -> Table | None:
    """Return the attained fraction of each day by epsilon; None where no day has one.

    Parameters
    ----------
    days
        The sessions; of a day with several the last evaluated one stands.
    evaluation
        The protocol's section: how the bound was searched.
    """
    found = {day.day: {one.epsilon: one for one in day.evaluation.attained} for day in days if day.evaluation}
    found = {day: cells for day, cells in found.items() if cells}
    epsilons = sorted({epsilon for cells in found.values() for epsilon in cells})
    if not found:
        return None
    return Table(
        columns=("", *(f"ε = {epsilon:g} {what}" for epsilon in epsilons for what in ("attained", "bound"))),
        rows=tuple(
            (f"day {day}", *(text for epsilon in epsilons for text in _cell(cells.get(epsilon))))
            for day, cells in found.items()
        ),
        caption="Attained: mean change of the hidden cortex in the direction that was sealed, over the mean |change| "
        "that its own gradient finds of the same images, sites and ε (bound, in σ), with its 95 % interval over images "
        f"and sites. {_said_of_search(evaluation)}",
    )


def _cell(one: AttainedFraction | None) -> tuple[str, str]:
    return (attained(one), number(one.white_box)) if one else (DASH, DASH)


def _said_of_search(evaluation: Evaluation) -> str:
    starts = "one start" if evaluation.white_box_restarts == 1 else f"{evaluation.white_box_restarts} starts"
    balls = " in each of two balls" if evaluation.white_box_search == "strengthened" else ""
    steps = f"{evaluation.white_box_steps} steps{balls}"
    return f"The bound is of the search {evaluation.white_box_search}, {starts}, {steps}."
