"""What a model says of images that are to attain an objective, as it is sealed, and which levels are reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.stages.objectives.aims import AimedItems, NaturalResponses

Floats = NDArray[np.float64]

_ROUNDING = 1.001
"""Batches of another size round otherwise."""


@dataclass(frozen=True)
class ModelResponses:
    """A model's responses of all its outputs to the clean image beneath each item, and to what was made of it.

    Attributes
    ----------
    clean, made
        (n_items, n_outputs).
    """

    clean: Floats
    made: Floats


def sealed_responses(
    items: AimedItems, natural: NaturalResponses, responses: ModelResponses, *, tolerance: Floats
) -> dict[str, NDArray[Any]]:
    """Return the columns that say what a model foretells, and whether that is within the tolerance of the level.

    Parameters
    ----------
    items
        Sites and levels; of a site -1 the mean over all is meant.
    natural
        The model's, by which levels are stated.
    responses
        The model's.
    tolerance
        Of a level, SD, (n_items,).
    """
    n_items = len(items.site)
    of_all = {
        "predicted_mean": np.tile(natural.mean, (n_items, 1)),
        "predicted_sd": np.tile(natural.sd, (n_items, 1)),
        "predicted_clean": responses.clean,
        "predicted_made": responses.made,
    }
    sealed: dict[str, NDArray[Any]] = {name: _at(values, items.site) for name, values in of_all.items()}
    level = items.target_sd * sealed["predicted_sd"]
    missed = np.abs(sealed["predicted_made"] - sealed["predicted_mean"] - level)
    return sealed | {"is_reached": missed <= tolerance * sealed["predicted_sd"] * _ROUNDING}


def _at(values: Floats, site: NDArray[np.int64]) -> Floats:
    """Return each row's value of its own site, or the mean over all."""
    own = values[np.arange(len(site)), np.maximum(site, 0)]
    return np.where(site >= 0, own, values.mean(axis=1))
