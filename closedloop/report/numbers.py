"""The study's numbers: sensitivity.csv, truth.csv and the day-by-day table, from the documents alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from closedloop.artifacts.catalog import SENSITIVITY_CSV, TRUTH_CSV
from closedloop.artifacts.day.evaluation import EpsilonEvaluation, EvaluationReport
from closedloop.artifacts.protocol.attack import CONTROL_KINDS
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import Columns
from closedloop.report.reading import DayRecord, SensitivityRow, StudyRecord, read_sensitivity
from closedloop.report.signs import count_signs
from closedloop.storage import write_bytes

CSV_COLUMNS = (
    "day",
    "epsilon",
    "estimate",
    "mean",
    "standard_error",
    "n_images",
    "n_sites",
    "interval_low",
    "interval_high",
)
ESTIMATES = (
    "paper",
    "cross_fitted",
    *CONTROL_KINDS,
    "true",
    "white_box",
    "vanilla_units",
    "robust_units",
)
TRUTHS = ("true", *CONTROL_KINDS, "white_box")


@dataclass(frozen=True)
class EpsilonCell:
    """A day's sensitivity at one epsilon; None where the study has no such estimate."""

    epsilon: float
    paper: SensitivityRow | None
    true: SensitivityRow | None


@dataclass(frozen=True)
class DayRow:
    """One line of the day-by-day table.

    Attributes
    ----------
    r
        Median over sites: the day's sealed model against clean images it never saw.
    sign_agreement_measured, sign_agreement_true
        Part of the pairs of all epsilons that moved the way the seal says, as measured and in the hidden truth.
    signs_of
        The epsilons whose signs are counted, where not all days have the same; empty where they have.
    n_used, n_presented
        Accepted presentations that count, and all of them.
    """

    day: int
    r: float | None
    sign_agreement_measured: float | None
    sign_agreement_true: float | None
    epsilons: tuple[EpsilonCell, ...]
    n_used: int | None
    n_presented: int | None
    signs_of: tuple[float, ...] = ()


def write_sensitivity_csv(paths: StudyPaths) -> Path:
    """Write report/sensitivity.csv, and report/truth.csv beside it in a simulated study.

    The measured controls stand in sensitivity.csv, their noiseless twins in truth.csv. Fixed decimals: the same numbers
    give the same bytes.

    Returns
    -------
    Path
        The sensitivity.csv.
    """
    rows = summary_rows(read_sensitivity(paths))
    measured = [row for row in rows if not (row.estimate in CONTROL_KINDS and row.truth)]
    truths = [row for row in rows if row.truth and row.estimate in TRUTHS]
    target = paths.report / SENSITIVITY_CSV.name
    write_bytes(target, _csv_bytes(measured))
    if truths:
        write_bytes(paths.report / TRUTH_CSV.name, _csv_bytes(truths))
    return target


def summary_rows(rows: Sequence[SensitivityRow]) -> list[SensitivityRow]:
    """Keep the means over sites on the anchor images (on all images where the study has no anchors), sorted."""
    image_set = "anchors" if any(row.image_set == "anchors" for row in rows) else "all"
    kept = [row for row in rows if row.image_set == image_set and row.site == ""]
    return sorted(kept, key=lambda row: (row.day, ESTIMATES.index(row.estimate), row.epsilon))


def _csv_bytes(rows: Iterable[SensitivityRow]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        mean, error, *interval = (_fixed(value) for value in (row.mean, row.standard_error, *row.interval))
        writer.writerow([row.day, _fixed(row.epsilon), row.estimate, mean, error, row.n_images, row.n_sites, *interval])
    return text.getvalue().encode()


def _fixed(value: float) -> str:
    """Six decimals, and no minus before a zero: rounding noise around zero must not change the bytes' sign."""
    text = f"{value:.6f}"
    return "0.000000" if text == "-0.000000" else text


def day_rows(record: StudyRecord) -> list[DayRow]:
    """Return the day-by-day table of a study that has been read."""
    summary, shared = (
        summary_rows([row for day in record.evaluated for row in day.sensitivity]),
        _shared_epsilons(record),
    )
    sessions: dict[int, list[DayRecord]] = {}
    for day in record.days:
        if day.quality is not None:
            sessions.setdefault(day.day, []).append(day)
    return [_day_row(of_day, summary, shared) for of_day in sessions.values()]


def _shared_epsilons(record: StudyRecord) -> tuple[float, ...]:
    """Return the epsilons that all evaluated days have, where not all have the same; else none."""
    evaluations = [day.evaluation for day in record.days if day.evaluation]
    of_days = [
        {one.epsilon for one in found.epsilons} for found in evaluations if found.epsilons
    ]  # a round may attack none
    shared = set.intersection(*of_days) if of_days else set()
    return tuple(sorted(shared)) if any(own != shared for own in of_days) else ()


def _day_row(sessions: Sequence[DayRecord], summary: Sequence[SensitivityRow], shared: tuple[float, ...]) -> DayRow:
    """Return the line of a day: what its last session found out, and the presentations of all."""
    day = next((one for one in reversed(sessions) if one.evaluation is not None), sessions[-1])
    found = [one.quality for one in sessions if one.quality is not None]
    own = {
        (row.estimate, row.epsilon): row for row in summary if row.day == day.day and row.estimate not in CONTROL_KINDS
    }
    epsilons = sorted({epsilon for estimate, epsilon in own if estimate == "paper"})
    evaluation = day.evaluation
    counted = [one for one in evaluation.epsilons if not shared or one.epsilon in shared] if evaluation else []
    return DayRow(
        day=day.day,
        r=median_r(evaluation) if evaluation else None,
        sign_agreement_measured=_agreement(counted, day.pairs, true=False),
        sign_agreement_true=_agreement(counted, day.pairs, true=True),
        epsilons=tuple(EpsilonCell(e, own.get(("paper", e)), own.get(("true", e))) for e in epsilons),
        n_used=sum(quality.n_used for quality in found),
        n_presented=sum(quality.n_presented for quality in found),
        signs_of=shared,
    )


def median_r(evaluation: EvaluationReport) -> float | None:
    """Return the median over sites of the sealed model's correlation with unseen clean responses."""
    known = [r for r in evaluation.r_predicted.values() if r is not None]
    return median(known) if known else None


def _agreement(epsilons: Sequence[EpsilonEvaluation], pairs: Columns | None, *, true: bool) -> float | None:
    """Average sign agreement over epsilons, by the pairs that have a sign: those without a change have none."""
    values = [
        (
            e.sign_agreement_true if true else e.sign_agreement_measured,
            e.n_pairs if pairs is None else count_signs(pairs, epsilon=e.epsilon, true=true).n_counted,
        )
        for e in epsilons
    ]
    known = [(value, n) for value, n in values if value is not None and n > 0]
    total = sum(n for _, n in known)
    return sum(value * n for value, n in known) / total if total else None
