"""What the simulated cortex really does: read by evaluation only, for the "true" and "white-box" columns."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from closedloop.artifacts.day_responses import DayResponses
from closedloop.attacks.sources import InMemory
from closedloop.models.site_model import freeze_for_attack
from closedloop.simulation.recorder import electrodes_each
from closedloop.simulation.subject import simulated_cortex
from closedloop.stages.context import StageContext
from closedloop.stages.evaluate.pairs import Measured
from closedloop.stages.evaluate.rows import Row, absolute_rows
from closedloop.stages.evaluate.white_box import items_of_day, largest_change


@dataclass(frozen=True)
class HiddenTruth:
    """The hidden cortex's answers.

    Attributes
    ----------
    rates_hz
        Expected rate of each chosen site to each stimulus, (n_images, n_sites).
    white_box_rows
        Sensitivity to attacks with the cortex's own gradient.
    """

    rates_hz: NDArray[np.float64]
    white_box_rows: list[Row]


class _ChosenSites(nn.Module):
    def __init__(self, cortex: nn.Module, columns: list[int]) -> None:
        super().__init__()
        self.cortex = cortex
        self.columns = columns

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images to the chosen sites' rates, Hz."""
        rates: torch.Tensor = self.cortex(images)[:, self.columns]
        return rates


def read_hidden_truth(context: StageContext, day: DayResponses, measured: Measured) -> HiddenTruth:
    """Ask the hidden cortex of this day."""
    cortex = simulated_cortex(context.protocol, context.study)
    simulation = context.protocol.simulation
    each = electrodes_each(simulation.n_electrodes, simulation.n_processors)
    columns = [(site.processor - 1) * each + site.electrode_id - 1 for site in day.sites]
    rates = cortex.rates_hz(day.stimuli.images, day=context.day)[:, columns]
    # A copy: the cortex keeps its network between days, and another memory layout would change later rates' last bits.
    model = freeze_for_attack(_ChosenSites(copy.deepcopy(cortex.response_model(context.day)), columns))
    items = items_of_day(day)
    change = largest_change(
        context,
        InMemory(model, f"hidden cortex {context.seed()}"),
        items,
        day,
        name="white box",
        steps=context.protocol.evaluation.white_box_steps,
    )
    rows = absolute_rows(
        "white_box",
        change / measured.sigma_hz[items.site_index],
        epsilon=items.epsilon,
        image_index=items.clean_index,
        site_index=items.site_index,
        image_set=items.image_set,
    )
    return HiddenTruth(rates, rows)
