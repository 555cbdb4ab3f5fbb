"""The hidden cortex as a model of some of its electrodes: what a white-box attack on recorded sites needs."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import Tensor, nn


class _ChosenElectrodes(nn.Module):
    def __init__(self, cortex: nn.Module, columns: Sequence[int]) -> None:
        super().__init__()
        self.cortex = cortex
        self.columns = list(columns)

    def forward(self, images: Tensor) -> Tensor:
        """Map images to the chosen electrodes' rates, Hz."""
        rates: Tensor = self.cortex(images)[:, self.columns]
        return rates


def model_of_electrodes(cortex: nn.Module, columns: Sequence[int]) -> nn.Module:
    """Return a copy of the cortex that answers for some of its electrodes, in the order given.

    A copy: the cortex keeps its network between days, and another memory layout, which attacks choose, would change
    later rates' last bits.

    Parameters
    ----------
    cortex
        Of one day (`HiddenCortex.response_model`).
    columns
        Of its output.
    """
    return _ChosenElectrodes(copy.deepcopy(cortex), columns)
