"""What became of a day's objectives: the response to each image beside what was sealed, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.objectives.followed import Followed, mean_over_images, slope_over_images
from closedloop.analysis.reliability import mean_response
from closedloop.analysis.repetitions import repetitions_of
from closedloop.artifacts.day.objectives.tables import OBJECTIVE_EFFECTS
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import evaluated_clean_rows
from closedloop.artifacts.protocol.objectives.stated import OBJECTIVE
from closedloop.artifacts.tables import Columns

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class SealedObjectives:
    """What was sealed before the day's images were shown.

    Attributes
    ----------
    table
        `SEALED_OBJECTIVES`.
    clean, made
        The model's responses of all its outputs to either image, (n_images, n_outputs).
    """

    table: Columns
    clean: NDArray[np.float32]
    made: NDArray[np.float32]


def objective_effects(
    day: DayResponses,
    sealed: SealedObjectives,
    *,
    sigma_hz: Floats,
    true_rates_hz: Floats | None,
    kind: str = OBJECTIVE,
) -> dict[str, Any]:
    """Return the rows of `OBJECTIVE_EFFECTS`.

    Parameters
    ----------
    day
        What the sites answered.
    sealed
        What was foretold.
    sigma_hz
        SD over clean images of each site, (n_sites,).
    true_rates_hz
        Of the hidden cortex, (n_images, n_sites); None in a real experiment.
    kind
        Of these images, as the stimulus table has it.
    """
    table = sealed.table
    index = table["image_index"].astype(np.int64)
    if not np.isin(index, day.stimuli.rows(kind=kind)).all():
        raise ValueError("what is sealed of objectives is of other images than those of the day")
    beneath = day.stimuli.columns["clean_index"][index].astype(np.int64)
    outputs = np.array([-1 if site.site_index is None else site.site_index for site in day.sites])
    place = {int(output): column for column, output in enumerate(outputs)}
    column = np.array([place.get(int(site), -1) for site in table["site_index"]], dtype=np.int64)
    lost = (table["site_index"] >= 0) & (column < 0)  # its electrode is no longer recorded
    n_images = len(day.stimuli.images)
    z = _in_sd(mean_response(day.rates_hz, day.image_index, n_images=n_images), day, sigma_hz)
    own = _Own(column, lost)
    change = z[index] - z[beneath]
    foretold = (sealed.made - sealed.clean).astype(np.float64)[:, np.maximum(outputs, 0)]
    by_image = repetitions_of(day.rates_hz, day.image_index, n_images=n_images)
    n_usable = np.isfinite(by_image[index]).sum(axis=2)
    columns = {
        **{name: table[name] for name in ("image_index", "objective", "objective_kind", "image_id", "site_index")},
        **{name: table[name] for name in ("target", "realised_epsilon", "target_sd", "is_reached")},
        "neuroid_id": np.array([day.sites[one].neuroid_id if one >= 0 else "" for one in column], dtype=object),
        "n_repetitions": np.where(column >= 0, _pick(n_usable, column), n_usable.min(axis=1)).astype(np.int32),
        **{
            f"predicted_{name}": (table[f"predicted_{name}"] - table["predicted_mean"]) / table["predicted_sd"]
            for name in ("clean", "made")
        },
        "clean": own.of(z[beneath]),
        "made": own.of(z[index]),
        "others": own.of_others(change),
        "pattern": np.array([_correlation(*pair) for pair in zip(change, foretold, strict=True)]),
    }
    true = np.full((n_images, len(day.sites)), np.nan)
    if true_rates_hz is not None:
        true = _in_sd(true_rates_hz, day, true_rates_hz[evaluated_clean_rows(day.stimuli)].std(axis=0))
    columns |= {
        "true_clean": own.of(true[beneath]),
        "true_made": own.of(true[index]),
        "true_others": own.of_others(true[index] - true[beneath]),
    }
    return {name: columns[name] for name in OBJECTIVE_EFFECTS.columns}


def objective_estimates(effects: Columns) -> list[dict[str, Any]]:
    """Return the rows of `OBJECTIVE_ESTIMATES`, objective by objective.

    Parameters
    ----------
    effects
        The table `OBJECTIVE_EFFECTS`.
    """
    names = list(dict.fromkeys(str(name) for name in effects["objective"]))
    estimates = []
    for name in names:
        own = {key: np.asarray(values)[effects["objective"] == name] for key, values in effects.items()}
        for measure in _measures(own):
            measured, predicted, true = (_estimate(own, measure, of) for of in ("", "predicted_", "true_"))
            estimates.append(
                {
                    "objective": name,
                    "objective_kind": str(own["objective_kind"][0]),
                    "measure": measure,
                    "n": int(np.isfinite(own["made"] - own["clean"]).sum()),
                    "n_images": measured.n_images,
                    "n_reached": int(own["is_reached"].sum()),
                    "value": measured.value,
                    "low": measured.low,
                    "high": measured.high,
                    "predicted": predicted.value,
                    "true": true.value,
                }
            )
    return estimates


def _measures(own: Columns) -> tuple[str, ...]:
    if own["objective_kind"][0] == "level":
        return ("slope", "distance")
    return ("change", "others") if (own["site_index"] >= 0).all() else ("change", "pattern")


def _estimate(own: Columns, measure: str, of: str) -> Followed:
    image = own["image_id"]
    if measure == "slope":
        return slope_over_images(own[f"{of}made"], own["target_sd"], image=image, site=own["site_index"])
    if measure == "distance":
        return mean_over_images(own[f"{of}made"] - own["target_sd"], image)
    if measure == "change":
        return mean_over_images(own[f"{of}made"] - own[f"{of}clean"], image)
    return mean_over_images(own.get(f"{of}{measure}", np.full(len(image), np.nan)), image)


@dataclass(frozen=True)
class _Own:
    """Of rows (n_rows, n_sites) the value at the site that each image is made for, or the mean where all are."""

    column: Rows
    lost: NDArray[np.bool_]

    def of(self, values: Floats) -> Floats:
        own = _pick(values, self.column)
        found = np.where(self.column >= 0, own, values.mean(axis=1))
        return np.where(self.lost, np.nan, found)

    def of_others(self, values: Floats) -> Floats:
        n = values.shape[1]
        if n < 2:
            return np.full(len(values), np.nan)
        others = (values.sum(axis=1) - self.of(values)) / (n - 1)
        return np.where((self.column >= 0) & ~self.lost, others, np.nan)


def _pick(values: NDArray[Any], column: Rows) -> NDArray[Any]:
    return np.asarray(values[np.arange(len(column)), np.maximum(column, 0)])


def _in_sd(rates_hz: Floats, day: DayResponses, spread: Floats) -> Floats:
    """Return rates in SD over the day's fresh clean images, above their mean."""
    clean = rates_hz[evaluated_clean_rows(day.stimuli)]
    return np.asarray((rates_hz - np.nanmean(clean, axis=0)) / np.where(spread > 0, spread, np.nan))


def _correlation(x: Floats, y: Floats) -> float:
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < _LEAST_SITES or not (x[known].std() > 0 and y[known].std() > 0):
        return float("nan")
    return float(np.corrcoef(x[known], y[known])[0, 1])


_LEAST_SITES = 3
