"""Tables of a measurement of units: every (unit, image, epsilon), and the means over units."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedloop.analysis.units import mean_over_units
from closedloop.artifacts.tables import Columns
from closedloop.studies.unit_sensitivity.choice import derived_seed
from closedloop.studies.unit_sensitivity.documents import UNIT_SENSITIVITY


def summarise(changes: Columns, *, seed: int) -> Columns:
    """Average the table of changes over units: one row a (network, epsilon), networks in the table's order."""
    names = list(dict.fromkeys(changes["network"].tolist()))
    rows = [
        _summary_row({key: column[own] for key, column in changes.items()}, name, epsilon, seed=seed)
        for name in names
        for epsilon in np.unique(changes["epsilon"])
        if (own := (changes["network"] == name) & (changes["epsilon"] == epsilon)).any()
    ]
    return {key: np.array([row[key] for row in rows]) for key in UNIT_SENSITIVITY.columns}


def _summary_row(own: Columns, name: str, epsilon: float, *, seed: int) -> dict[str, Any]:
    found = mean_over_units(own["sensitivity"], own["unit"], seed=derived_seed(seed, "bootstrap"))
    return {
        "network": name,
        "epsilon": float(epsilon),
        "mean": found.mean,
        "sd_over_units": found.sd,
        "low": found.low,
        "high": found.high,
        "rises": float((own["change"] > 0).mean()),
        "unmoved": float((own["change"] == 0).mean()),
        "random_pair": mean_over_units(own["random_pair"], own["unit"], seed=0).mean,
        "n_units": found.n_units,
        "n_pairs": found.n_values,
        "n_gradients": int(own["n_gradients"].sum()),
    }
