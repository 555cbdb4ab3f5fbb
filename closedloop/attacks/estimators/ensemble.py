"""Several models as one: what moves all of them is likelier to move the cortex (Liu et al. 2017)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """The mean of some models' responses, whose gradient is the mean of theirs; one gradient costs one of each.

    Site models answer in z-scores, so that each counts alike.

    Attributes
    ----------
    models
        Images (n, 3, height, width) in [0, 1] to responses (n, n_outputs), the same outputs in each.
    """

    def __init__(self, models: Iterable[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        if not len(self.models):
            raise ValueError("an ensemble needs at least one model, found none")

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean responses, (n, n_outputs)."""
        return torch.stack([model(images) for model in self.models]).mean(dim=0)
