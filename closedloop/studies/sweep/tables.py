"""From single subjects to coverage, bias, power and false alarms, each with its own interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedloop.analysis.intervals import clustered_error, part_interval
from closedloop.artifacts.protocol.attack import SIZE_KINDS
from closedloop.artifacts.tables import Columns
from closedloop.studies.files import as_columns, groups_of
from closedloop.studies.sweep.documents import ALL_DAYS, SWEEP_ESTIMATES, SWEEP_TESTS, SweptSubject
from closedloop.studies.sweep.judging import ASKED

BOTH = "images and sites"
_OF_ESTIMATE = ("protocol", "estimate", "over", "day", "epsilon")


def estimates_table(swept: Sequence[SweptSubject]) -> Columns:
    """Return `SWEEP_ESTIMATES`: each estimate on each day, then over all days.

    An interval over images and sites has to cover the mean over all subjects: what other sites would have done. The
    others have to cover the truth of the sites that were recorded.
    """
    rows = _estimate_rows(swept)
    if not rows["subject"].size:
        return as_columns([], SWEEP_ESTIMATES)
    rows["target"] = np.full(len(rows["truth"]), math.nan)
    for own in groups_of(rows | {"place": np.arange(len(rows["truth"]))}, _OF_ESTIMATE):
        rows["target"][own["place"]] = _over_subjects(own) if own["over"][0] == BOTH else own["truth"]
    by_day = [_estimate_row(own) for own in groups_of(rows, _OF_ESTIMATE)]
    rows = rows | {"day": np.full(len(rows["day"]), ALL_DAYS)}
    pooled = [row for own in groups_of(rows, ("protocol", "estimate", "over")) for row in _over_days(own)]
    return as_columns([*pooled, *by_day], SWEEP_ESTIMATES)


def _over_days(own: Columns) -> list[dict[str, Any]]:
    """Return an estimate's rows over all days: of all epsilons together, where there are several, then of each."""
    each = [_estimate_row(at) for at in groups_of(own, ("epsilon",))]
    together = _estimate_row(own | {"epsilon": np.full(len(own["epsilon"]), math.nan)})
    return [together, *each] if len(each) > 1 else each


def answers_table(swept: Sequence[SweptSubject]) -> Columns:
    """Return `SWEEP_TESTS`, power before false alarms."""
    cells = [(one, test) for one in swept for test in one.tests]
    columns = {
        "protocol": np.array([one.protocol_name for one, _ in cells]),
        "subject": np.array([one.subject for one, _ in cells]),
        **{name: np.array([getattr(test, name) for _, test in cells]) for name in ("test", "day", "epsilon", "found")},
    }
    rows = []
    for own in groups_of(columns, ("protocol", "test", "day", "epsilon")) if cells else ():
        low, high = part_interval(own["found"], own["subject"])
        rows.append(
            {
                **{name: own[name][0] for name in ("protocol", "test", "day", "epsilon")},
                "asked": ASKED[own["test"][0]],
                "n_subjects": len(np.unique(own["subject"])),
                "rate": own["found"].mean(),
                "rate_low": low,
                "rate_high": high,
            }
        )
    place = {test: number for number, test in enumerate(ASKED)}
    rows.sort(key=lambda row: (row["protocol"], place[row["test"]], row["epsilon"], row["day"]))
    return as_columns(rows, SWEEP_TESTS)


def _estimate_rows(swept: Sequence[SweptSubject]) -> Columns:
    cells = [(one, estimate) for one in swept for estimate in one.estimates]
    numbers = ("epsilon", "mean", "truth", "standard_error", "interval_low", "interval_high")
    return {
        "protocol": np.array([one.protocol_name for one, _ in cells]),
        "subject": np.array([one.subject for one, _ in cells]),
        **{name: np.array([getattr(cell, name) for _, cell in cells]) for name in ("day", "estimate", "over")},
        **{name: np.array([getattr(cell, name) for _, cell in cells], dtype=float) for name in numbers},
    }


def _over_subjects(own: Columns) -> float:
    """Return the truth over all subjects' sites: the mean, of a root that of the squares."""
    if own["estimate"][0] in SIZE_KINDS:
        return float(np.sqrt((own["truth"] ** 2).mean()))
    return float(own["truth"].mean())


def _estimate_row(own: Columns) -> dict[str, Any]:
    error = own["mean"] - own["target"]
    known = np.isfinite(own["interval_low"]) & np.isfinite(own["interval_high"])
    below, above = (own["interval_high"] < own["target"])[known], (own["interval_low"] > own["target"])[known]
    held = (~(below | above)).astype(float)
    low, high = part_interval(held, own["subject"][known]) if held.size else (math.nan, math.nan)
    has_error = np.isfinite(own["standard_error"])
    return {
        **{name: own[name][0] for name in _OF_ESTIMATE},
        "n_subjects": len(np.unique(own["subject"])),
        "truth": own["target"].mean(),
        "bias": error.mean(),
        "bias_error": clustered_error(error, own["subject"]),
        "spread": math.sqrt((error**2).mean()),
        "standard_error": math.sqrt((own["standard_error"][has_error] ** 2).mean()) if has_error.any() else math.nan,
        "covered": held.mean() if held.size else math.nan,
        "covered_low": low,
        "covered_high": high,
        "below": below.mean() if held.size else math.nan,
        "above": above.mean() if held.size else math.nan,
    }
