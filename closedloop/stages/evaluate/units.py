"""Sensitivity of artificial penultimate units on the day's own images: the paper's black markers (Figure 1A)."""

from __future__ import annotations

import numpy as np
import torch

from closedloop.analysis.dispersion import sigma
from closedloop.artifacts.day.evaluation import SENSITIVITY
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.tables import read_table
from closedloop.attacks.sources import units_file
from closedloop.models.site_model import predict
from closedloop.stages.context import StageContext
from closedloop.stages.evaluate.rows import Row, absolute_rows
from closedloop.stages.evaluate.white_box import WhiteBoxItems, items_of_day, largest_change

_NETWORKS = {"vanilla_units": "small_resnet_vanilla", "robust_units": "small_resnet_robust"}
_SMALL_SIDE_PX = 32
_LAST_STAGE = "layer3.0"


def unit_rows(context: StageContext, day: DayResponses) -> list[Row]:
    """Attack units of the shipped vanilla and robust networks on the anchors.

    Only where the study's images have the size these networks were trained at; a study with other images compares with
    networks of its own. Networks and anchors stay, so that the rows of day 0 are those of every day.
    """
    if context.protocol.images.side_px != _SMALL_SIDE_PX:
        return []
    if context.day > 0:
        return _rows_of_day_0(context)
    return [row for name, weights in _NETWORKS.items() for row in _rows_of(context, day, name, weights)]


def _rows_of_day_0(context: StageContext) -> list[Row]:
    table = read_table(context.published("evaluate", day=0) / "sensitivity.parquet", SENSITIVITY)
    kept = np.flatnonzero(np.isin(table["estimate"], list(_NETWORKS)))
    return [{name: column[row] for name, column in table.items() if name != "day"} for row in kept]


def _rows_of(context: StageContext, day: DayResponses, name: str, weights: str) -> list[Row]:
    source = units_file(weights, layer=_LAST_STAGE)
    clean = day.stimuli.rows(kind="clean", role="clean")
    activations = predict(source.load(torch.device("cpu")), day.stimuli.images[clean])
    spread = sigma(activations.astype(float))
    items = _first_units(items_of_day(day), n_units=min(context.protocol.evaluation.n_units, len(spread)))
    steps = context.protocol.evaluation.unit_steps
    change = largest_change(context, source, items, day, name=name, steps=steps)
    return absolute_rows(
        name,
        change / spread[items.site_index],
        epsilon=items.epsilon,
        image_index=items.clean_index,
        site_index=items.site_index,
        image_set=items.image_set,
    )


def _first_units(items: WhiteBoxItems, *, n_units: int) -> WhiteBoxItems:
    """Attack unit k on the images of site k."""
    own = items.site_index < n_units
    return WhiteBoxItems(items.clean_index[own], items.site_index[own], items.epsilon[own], items.image_set)
