"""From single experiments to coverage, bias and rates of alarms, each with its own interval."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from closedloop.analysis.intervals import clustered_error, part_interval
from closedloop.artifacts.tables import Columns
from closedloop.studies.coverage.documents import COVERAGE_ALARMS, COVERAGE_INTERVALS
from closedloop.studies.coverage.estimates import BOTH
from closedloop.studies.files import as_columns, groups_of


def intervals_table(judged: Columns) -> Columns:
    """Return `COVERAGE_INTERVALS` of what the shards hold.

    An interval over images and sites has to cover the mean over all subjects: what other sites would have done. The
    others have to cover the truth of the sites that were recorded.
    """
    rows = [_interval_row(own) for own in groups_of(judged, ("quantity", "over", "epsilon", "repetitions"))]
    return as_columns(rows, COVERAGE_INTERVALS)


def alarms_table(rang: Columns) -> Columns:
    """Return `COVERAGE_ALARMS` of what the shards hold."""
    rows = []
    for own in groups_of(rang, ("test", "repetitions")):
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
    return as_columns(rows, COVERAGE_ALARMS)


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
        "bias_error": clustered_error(error, own["subject"]),
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
