"""The study's numbers beside the paper's for Figures 1A and 5: sites against artificial units, and growth over days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from closedloop.analysis.bootstrap import bootstrap_ratio
from closedloop.analysis.estimate import Estimate, Floats, Indices
from closedloop.report.layout import PageSection
from closedloop.report.quoted import QuotedNumber, origin_of, quoted_table
from closedloop.report.reading import DayRecord, SensitivityRow, StudyRecord
from closedloop.report.tables import anchor_difference
from closedloop.report.wording import number, span

_GROWTH = (
    "At the smallest perturbation ε = 1, between the second (day 1: 20k samples for model tuning) and the sixth day of "
    "experiment (day 5: 100k samples for model tuning) there was a 2.7 fold increase in realized perturbation size"
)
_VANILLA = (
    "In comparison with units from ResNet50, we find that individual IT neural sites are approximately 10-fold less "
    "sensitive to the same magnitude of image perturbations"
)
_ROBUST = "units from both robust DNNs are slightly less sensitive to adversarial perturbations than IT sites"


def beside_the_paper(record: StudyRecord, rows: Sequence[SensitivityRow]) -> PageSection | None:
    """Show growth over days and artificial units over sites beside the paper's; None where neither can be had.

    Parameters
    ----------
    record
        The study.
    rows
        Means over sites of its days, on the anchors where it has them.
    """
    evaluated = record.evaluated
    if not evaluated:
        return None
    last = evaluated[-1]
    numbers = [*_growth(record, evaluated), *_units(record, [row for row in rows if row.day == last.day])]
    if not numbers:
        return None
    table = quoted_table(
        numbers,
        caption=f"Growth: ratio of the means of the same anchor images and sites on both days, 95 % interval over "
        f"images and sites. Units: of the two networks that ship, over sites, day {last.day}; those networks are "
        "small, and have seen no photograph.",
    )
    return PageSection("beside", "Beside the paper's numbers", tables=(table,))


def _growth(record: StudyRecord, evaluated: Sequence[DayRecord]) -> list[QuotedNumber]:
    sizes = {day.day: {one.epsilon for one in day.evaluation.epsilons} for day in evaluated if day.evaluation}
    days = [day for day in evaluated if day.day >= 1 and sizes.get(day.day)]
    if len(days) < 2 or not sizes[days[0].day] & sizes[days[-1].day]:
        return []
    first, last = days[0], days[-1]
    epsilon = min(sizes[first.day] & sizes[last.day])
    found = anchor_difference(first.pairs, last.pairs, epsilon=epsilon, compare=_ratio)
    if found is None:
        return []
    return [
        QuotedNumber(
            f"growth from day {first.day} to day {last.day} at ε = {epsilon:g}",
            _ratio_or_why(found),
            origin_of(simulated=record.study.simulated),
            "2.7",
            _GROWTH,
            "section 3.1",
        )
    ]


def _ratio_or_why(found: Estimate) -> str:
    if not math.isfinite(found.interval[0]):
        return f"not known: the first day's mean is within three standard errors of zero (ratio {number(found.mean)})"
    return f"{number(found.mean)} ({span(found.interval)})"


def _ratio(before: Floats, after: Floats, *, image_index: Indices, site_index: Indices) -> Estimate:
    return _over_both(after, before, image_index=image_index, site_index=site_index)


_over_both = partial(bootstrap_ratio, seed=0)  # an interval depends on its pairs alone


def _units(record: StudyRecord, rows: Sequence[SensitivityRow]) -> list[QuotedNumber]:
    means = {(row.estimate, row.epsilon): row.mean for row in rows if row.estimate in ("paper", *_OF_UNITS)}
    numbers = []
    for estimate, (what, paper, sentence) in _OF_UNITS.items():
        ratios = [
            f"{number(means[estimate, epsilon] / mean)} at ε = {epsilon:g}"
            for (name, epsilon), mean in sorted(means.items())
            if name == "paper" and mean > 0 and (estimate, epsilon) in means
        ]
        if ratios:
            origin = origin_of(simulated=record.study.simulated)
            numbers.append(QuotedNumber(what, ", ".join(ratios), origin, paper, sentence, "section 2"))
    return numbers


_OF_UNITS = {
    "vanilla_units": ("units of standard training over sites", "about 10", _VANILLA),
    "robust_units": ("units of adversarial training over sites", "slightly below 1", _ROBUST),
}
