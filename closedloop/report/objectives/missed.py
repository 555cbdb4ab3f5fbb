"""Levels that no image reaches within epsilon, named."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report.tables import Table
from closedloop.report.wording import count, number


def missed_levels(levels: Columns) -> Table | None:
    """Name the levels that no image within the ball reaches, by the model that made it; None if all are.

    Parameters
    ----------
    levels
        Columns of `OBJECTIVE_EFFECTS` or `day.arms.tables.ARM_OBJECTIVE_EFFECTS`, those of levels alone.
    """
    names = ("objective", "neuroid_id", "target")
    keys = list(zip(*(levels[name].tolist() for name in names), strict=True))
    missed = np.flatnonzero(~levels["is_reached"].astype(bool))
    unit = _unit_of(levels)
    rows_of: dict[tuple[str, str, float], list[int]] = {}
    for row in missed.tolist():
        rows_of.setdefault(keys[row], []).append(row)
    if not rows_of:
        return None
    return Table(
        columns=("", "site", "level, as stated", "level (SD)", "not reached", "of images"),
        rows=tuple(
            (
                arm,
                site,
                number(target, unit=unit[arm]),
                number(float(levels["target_sd"][rows].mean())),
                count(len(rows)),
                count(keys.count((arm, site, target))),
            )
            for (arm, site, target), rows in sorted(rows_of.items())
        ),
        caption="Levels that the search found no image for within epsilon: what was shown is the image that came "
        "nearest. It counts in the slopes.",
    )


def _unit_of(levels: Columns) -> dict[str, str]:
    """Return in which unit each one's levels are stated: SD are taken as they are, percentiles are not."""
    in_sd = levels["target"] == levels["target_sd"]
    return {
        str(name): "SD" if in_sd[levels["objective"] == name].all() else "percentile"
        for name in dict.fromkeys(levels["objective"].tolist())
    }
