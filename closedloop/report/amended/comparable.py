"""Days side by side: over the sites that all of them have, where people left some out or a recording lacks some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.sensitivity import paper_estimate
from closedloop.artifacts.day.evaluation import EpsilonEvaluation, EvaluationReport
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import Columns
from closedloop.report.numbers import DayRow, day_rows
from closedloop.report.reading import DayRecord, SensitivityRow, StudyRecord, read_study

_ROLES = {"anchors": ("anchor",), "fresh": ("clean",), "all": ("anchor", "clean")}


@dataclass(frozen=True)
class Comparison:
    """A study whose days may be set side by side.

    Attributes
    ----------
    record
        Its days with the numbers of the sites that all of them have.
    said
        What is left out for it, in a sentence; empty where nothing is.
    said_shortly
        The same for a terminal, without the days.
    """

    record: StudyRecord
    said: str
    said_shortly: str = ""


def comparable(record: StudyRecord) -> Comparison:
    """Return a study's days with the numbers that may be compared between them; as they are where all may.

    The paper's estimate, the correlation and the signs are computed again from the pairs of the sites that every day
    has; other estimates are not, and are left out. A day without any site is left out as a whole;
    a day that was to attack nothing is none to be compared.
    """
    attacked = (day for day in record.evaluated if day.evaluation is None or day.evaluation.n_attacked)
    sites = {day.day: _measured_sites(day.pairs) for day in attacked if day.pairs is not None}
    some = [of_day for of_day in sites.values() if of_day]
    common = frozenset[str]().union(*some).intersection(*some)
    if all(of_day == common for of_day in sites.values()):
        return Comparison(record, "")
    days = tuple(_of_sites(day, common) for day in record.days)
    return Comparison(replace(record, days=days), _said(sites, common), _said_shortly(sites, common))


def day_table(paths: StudyPaths) -> tuple[list[DayRow], str]:
    """Return the day-by-day table of a study for the command line, and what it is compared without.

    All days are of the same sites; days without *ingest* have no line. Where no site is left out, nothing is said.
    """
    compared = comparable(read_study(paths))
    return day_rows(compared.record), compared.said_shortly


def _measured_sites(pairs: Columns) -> frozenset[str]:
    """Return the sites of which an attack was measured."""
    measured = (pairs["kind"] == "attacked") & np.isfinite(pairs["change"])
    return frozenset(np.unique(pairs["neuroid_id"][measured]).tolist())


def _said_shortly(sites: dict[int, frozenset[str]], common: frozenset[str]) -> str:
    every = frozenset[str]().union(*sites.values())
    out = [*sorted(every - common), *(f"day {day}" for day, of_day in sites.items() if not of_day)]
    return f"over {len(common)} of {len(every)} sites: {', '.join(out)} left out"


def _said(sites: dict[int, frozenset[str]], common: frozenset[str]) -> str:
    empty = [day for day, of_day in sites.items() if not of_day]
    lacking = {
        name: [str(day) for day, of_day in sites.items() if of_day and name not in of_day]
        for name in sorted(frozenset[str]().union(*sites.values()) - common)
    }
    out = [f"{name} (not on day {', '.join(days)})" for name, days in lacking.items()]
    out += [f"day {day}, which has no site" for day in empty]
    return (
        f"Days are compared by the paper's estimate over the {len(common)} sites that all of them have; left out of "
        f"the comparison: {'; '.join(out)}. Each day's own page has all of its sites."
    )


def _of_sites(day: DayRecord, common: frozenset[str]) -> DayRecord:
    if day.pairs is None or day.evaluation is None:
        return day
    of_site = np.isin(day.pairs["neuroid_id"], list(common))
    kept = of_site & (day.pairs["kind"] == "attacked")
    pairs = {name: np.asarray(column)[kept] for name, column in day.pairs.items()}
    rows = [row for row in day.sensitivity if row.site in common]
    return replace(
        day,
        pairs={name: np.asarray(column)[of_site] for name, column in day.pairs.items()},
        sensitivity=(*rows, *_rows(day, pairs)),
        evaluation=_evaluation(day.evaluation, pairs, common),
    )


def _rows(day: DayRecord, pairs: Columns) -> Iterator[SensitivityRow]:
    """Estimate again what the day's table says of all of its sites together."""
    for row in day.sensitivity:
        if row.site or row.estimate != "paper":
            continue
        own = (pairs["epsilon"] == row.epsilon) & np.isin(pairs["role"], _ROLES[row.image_set])
        estimate = paper_estimate(
            pairs["change"][own],
            pairs["predicted_sign"][own],
            image_index=_numbers(pairs["image_id"][own]),
            site_index=_numbers(pairs["neuroid_id"][own]),
        )
        low, high = estimate.interval
        yield replace(
            row,
            mean=estimate.mean,
            standard_error=estimate.standard_error,
            n_images=estimate.n_images,
            n_sites=estimate.n_sites,
            interval_low=low,
            interval_high=high,
        )


def _numbers(names: Sequence[str]) -> NDArray[np.int64]:
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _evaluation(evaluation: EvaluationReport, pairs: Columns, common: frozenset[str]) -> EvaluationReport:
    return evaluation.model_copy(
        update={
            "r_predicted": {name: r for name, r in evaluation.r_predicted.items() if name in common},
            "epsilons": tuple(_epsilon(one, pairs) for one in evaluation.epsilons),
            "attained": (),
        }
    )


def _epsilon(one: EpsilonEvaluation, pairs: Columns) -> EpsilonEvaluation:
    own = pairs["epsilon"] == one.epsilon
    sign = np.asarray(pairs["predicted_sign"][own])
    return one.model_copy(
        update={
            "n_pairs": int(own.sum()),
            "sign_agreement_measured": _agreement(sign, np.asarray(pairs["change"][own])),
            "sign_agreement_true": _agreement(sign, np.asarray(pairs["true_change"][own])),
        }
    )


def _agreement(sign: NDArray[np.int64], change: NDArray[np.float64]) -> float | None:
    known = np.isfinite(change) & (change != 0)
    return float((np.sign(change[known]) == sign[known]).mean()) if known.any() else None
