"""Several models' outputs beside each other as those of one: what two models are told apart by."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class OutputsSideBySide(nn.Module):
    """Outputs of some models, one model's after the other's.

    Output ``model * n_outputs + site`` is a site of one of them.

    Parameters
    ----------
    models
        Images (n, 3, height, width) in [0, 1] to responses (n, n_outputs), equally many outputs each; used, not copied.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import OutputsSideBySide
    >>> double, triple = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    >>> double.weight.data[:], triple.weight.data[:] = 2.0, 3.0
    >>> OutputsSideBySide([double, triple])(torch.ones(1, 1)).tolist()
    [[2.0, 3.0]]
    """

    def __init__(self, models: Iterable[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, images: Tensor) -> Tensor:
        """Map images to all models' responses, (n, n_models * n_outputs)."""
        return torch.cat([model(images) for model in self.models], dim=1)
