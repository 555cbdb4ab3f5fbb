"""Sensitivity of artificial penultimate units on the day's own images: the paper's black markers (Figure 1A)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from closedloop.analysis.dispersion import sigma
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import evaluated_clean_rows
from closedloop.artifacts.tables import Columns
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.sources import units_file
from closedloop.models.site_model import predict
from closedloop.stages.evaluate.rows import Row
from closedloop.stages.evaluate.white_box import (
    AttackWork,
    WhiteBoxItems,
    items_of_day,
    largest_change,
    largest_change_rows,
)

NETWORKS: Mapping[str, str] = {"vanilla_units": "small_resnet_vanilla", "robust_units": "small_resnet_robust"}
"""Estimate's name and the shipped weights it is made with."""

SMALL_SIDE_PX = 32
"""Side of the images these networks were trained on: a study of other images compares with networks of its own."""

_LAST_STAGE = "layer3.0"


def unit_rows(day: DayResponses, *, n_units: int, steps: int, seeds: Mapping[str, int], work: AttackWork) -> list[Row]:
    """Attack units of the shipped vanilla and robust networks on the anchors.

    Parameters
    ----------
    day
        Its images have `SMALL_SIDE_PX`.
    n_units
        At most so many units of each network: unit k on the images of site k.
    steps
        Gradients an attack takes.
    seeds
        Of the random starts, by the estimate's name.
    work
        How it is computed.
    """
    if not len(items_of_day(day).epsilon):
        return []
    return [
        row
        for name, weights in NETWORKS.items()
        for row in _rows_of(day, name, weights, n_units=n_units, steps=steps, seed=seeds[name], work=work)
    ]


def unit_rows_of_day_0(sensitivity: Columns) -> list[Row]:
    """Return the rows of day 0's table: networks and anchors stay, so that they are those of every day.

    There are none where day 0 attacked nothing.
    """
    kept = np.flatnonzero(np.isin(sensitivity["estimate"], list(NETWORKS)))
    return [{name: column[row] for name, column in sensitivity.items() if name != "day"} for row in kept]


def _rows_of(
    day: DayResponses, name: str, weights: str, *, n_units: int, steps: int, seed: int, work: AttackWork
) -> list[Row]:
    source = units_file(weights, layer=_LAST_STAGE)
    clean = evaluated_clean_rows(day.stimuli)
    activations = predict(source.load(), day.stimuli.images[clean])
    spread = sigma(activations.astype(float))
    items = _first_units(items_of_day(day), n_units=min(n_units, len(spread)))
    search = replace(COSINE, steps=steps)
    change = largest_change(source, items, day.stimuli.images, name=name, seed=seed, search=search, work=work)
    return largest_change_rows(name, change, items, sigma=spread)


def _first_units(items: WhiteBoxItems, *, n_units: int) -> WhiteBoxItems:
    """Attack unit k on the images of site k."""
    own = items.site_index < n_units
    return WhiteBoxItems(items.clean_index[own], items.site_index[own], items.epsilon[own], items.image_set)
