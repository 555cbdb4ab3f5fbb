"""From single experiments to coverage, bias and rates of alarms, each with its own interval."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.layouts import TableLayout
from closedloop.artifacts.tables import Columns
from closedloop.studies.coverage.documents import COVERAGE_ALARMS, COVERAGE_INTERVALS
from closedloop.studies.coverage.estimates import BOTH

Floats = NDArray[np.float64]
_NORMAL_95 = 1.959963984540054


def intervals_table(judged: Columns) -> Columns:
    """Return `COVERAGE_INTERVALS` of what the shards hold.

    An interval over images and sites has to cover the mean over all subjects: what other sites would have done. The
    others have to cover the truth of the sites that were recorded.
    """
    rows = [_interval_row(own) for own in _groups(judged, ("quantity", "over", "epsilon", "repetitions"))]
    return _as_columns(rows, COVERAGE_INTERVALS)


def alarms_table(rang: Columns) -> Columns:
    """Return `COVERAGE_ALARMS` of what the shards hold."""
    rows = []
    for own in _groups(rang, ("test", "repetitions")):
        low, high = part_interval(own["rate"], own["subject"])
        rows.append(
            {
                "test": own["test"][0],
                "repetitions": own["repetitions"][0],
                "n_experiments": len(np.unique(own["experiment"])),
                "rate": own["rate"].mean(),
                "rate_low": low,
                "rate_high": high,
            }
        )
    return _as_columns(rows, COVERAGE_ALARMS)


def part_interval(held: Floats, subject: NDArray[Any]) -> tuple[float, float]:
    """Return the 95 % interval of a part: Wilson's, with as many trials as the subjects' spread leaves.

    Experiments of one subject, and the cells of one experiment, share what happened to them. So the number of trials
    is the one that a binomial of the observed variance between subjects would have had, and no more than there are.

    Parameters
    ----------
    held
        0 or 1, or a part in between, (n,).
    subject
        Whose each is, (n,).

    Examples
    --------
    >>> import numpy as np
    >>> low, high = part_interval(np.repeat([1.0, 0.0], [95, 5]), np.arange(100))
    >>> round(low, 3), round(high, 3)
    (0.888, 0.978)
    """
    mean, n = float(held.mean()), float(len(held))
    _, member_of = np.unique(subject, return_inverse=True)
    sums = np.bincount(member_of, weights=held - mean)
    if len(sums) > 1 and 0 < mean < 1:
        variance = len(sums) / (len(sums) - 1) * float((sums**2).sum()) / n**2
        n = min(n, mean * (1 - mean) / variance) if variance > 0 else n
    centre = (mean + _NORMAL_95**2 / 2 / n) / (1 + _NORMAL_95**2 / n)
    half = _NORMAL_95 / (1 + _NORMAL_95**2 / n) * math.sqrt(mean * (1 - mean) / n + _NORMAL_95**2 / 4 / n**2)
    return centre - half, centre + half


def _interval_row(own: Columns) -> dict[str, Any]:
    truth = own["truth"]
    if own["over"][0] == BOTH:
        truth = np.full(len(truth), _over_subjects(own))
    error = own["estimate"] - truth
    known = np.isfinite(own["low"])
    below, above = own["high"] < truth, own["low"] > truth
    held = (~(below | above))[known].astype(float)
    low, high = part_interval(held, own["subject"][known]) if held.size else (math.nan, math.nan)
    return {
        **{name: own[name][0] for name in ("quantity", "over", "epsilon", "repetitions")},
        "n_experiments": len(np.unique(own["experiment"])),
        "truth": truth.mean(),
        "bias": error.mean(),
        "bias_error": _error_by_subject(error, own["subject"]),
        "spread": math.sqrt((error**2).mean()),
        "standard_error": math.sqrt((own["standard_error"][known] ** 2).mean()) if held.size else math.nan,
        "covered": held.mean() if held.size else math.nan,
        "covered_low": low,
        "covered_high": high,
        "below": below[known].mean() if held.size else math.nan,
        "above": above[known].mean() if held.size else math.nan,
    }


def _over_subjects(own: Columns) -> float:
    """Return the truth over all subjects' sites: the mean, of a ratio that of the means, of a root that of squares."""
    weight = own["weight"]
    if own["quantity"][0].endswith("control"):
        return float(np.sqrt((own["truth"] ** 2).mean()))
    return float((own["truth"] * weight).sum() / weight.sum())


def _error_by_subject(error: Floats, subject: NDArray[Any]) -> float:
    _, member_of = np.unique(subject, return_inverse=True)
    sums = np.bincount(member_of, weights=error - error.mean())
    if len(sums) < 2:
        return math.nan
    return math.sqrt(len(sums) / (len(sums) - 1) * float((sums**2).sum())) / len(error)


def _groups(columns: Columns, names: tuple[str, ...]) -> Iterator[Columns]:
    """Yield the rows that agree in some columns, in the order of their first."""
    keys = list(zip(*(columns[name].astype(str).tolist() for name in names), strict=True))
    rows: dict[tuple[str, ...], list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    for key in sorted(rows, key=lambda key: rows[key][0]):
        yield {name: column[rows[key]] for name, column in columns.items()}


def _as_columns(rows: list[dict[str, Any]], layout: TableLayout) -> Columns:
    columns = {name: np.array([row[name] for row in rows]) for name in layout.columns}
    return {name: column.astype(object) if column.dtype.kind == "U" else column for name, column in columns.items()}
