"""What a day's own sealed decoder read from the attacks that were to mislead it, all days together."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedloop.access.study import Study
from closedloop.analysis.bootstrap import bootstrap_mean
from closedloop.artifacts.day.population.kinds import POPULATION_KINDS


def sealed_rows(study: Study) -> list[dict[str, Any]]:
    """Return a row for each kind and epsilon; none where a study has no attacks on a decoder."""
    table = study.population()
    rows = []
    for kind in POPULATION_KINDS:
        for epsilon in sorted(set(table.loc[table["kind"] == kind, "epsilon"])):
            own = table[(table["kind"] == kind) & (table["epsilon"] == epsilon)].dropna(
                subset=["decoded_clean", "decoded_changed"]
            )
            if len(own):
                rows.append({"kind": kind, "epsilon": epsilon, **_row(own)})
    return rows


def _row(own: Any) -> dict[str, Any]:
    image = np.unique(own["image_id"].to_numpy(dtype=np.str_), return_inverse=True)[1]
    lost = (own["decoded_clean"] - own["decoded_changed"]).to_numpy(dtype=np.float64)
    margin = (own["margin_clean"] - own["margin_changed"]).to_numpy(dtype=np.float64)
    found = {"decoded_clean": own["decoded_clean"].mean(), "decoded_changed": own["decoded_changed"].mean()}
    for name, values in (("lost", lost), ("margin_lost", margin)):
        one = bootstrap_mean(values, image_index=image, site_index=np.zeros_like(image), seed=0, over="images")
        found |= {name: one.mean, f"{name}_low": one.interval[0], f"{name}_high": one.interval[1]}
    return found | {"predicted_loss": own["predicted_loss"].mean(), "n_stimuli": len(own)}
