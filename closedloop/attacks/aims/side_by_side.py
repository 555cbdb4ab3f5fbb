"""Several models' outputs beside each other as those of one: what two models are told apart by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from closedloop.attacks.synthesis.sources import ModelSource
from closedloop.errors import CheckpointError
from closedloop.models.ensemble import SiteEnsemble


class SideBySide(nn.Module):
    """Outputs of some models, one model's after the other's.

    Output ``model * n_outputs + site`` is a site of one of them.

    Parameters
    ----------
    models
        Images (n, 3, height, width) in [0, 1] to responses (n, n_outputs), equally many outputs each; used, not copied.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import SideBySide
    >>> double, triple = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    >>> double.weight.data[:], triple.weight.data[:] = 2.0, 3.0
    >>> SideBySide([double, triple])(torch.ones(1, 1)).tolist()
    [[2.0, 3.0]]
    """

    def __init__(self, models: Iterable[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, images: Tensor) -> Tensor:
        """Map images to all models' responses, (n, n_models * n_outputs)."""
        return torch.cat([model(images) for model in self.models], dim=1)


@dataclass(frozen=True)
class MembersSideBySide:
    """The members of an ensemble side by side; a `ModelSource` as that of the ensemble.

    Attributes
    ----------
    of
        The ensemble.
    """

    of: ModelSource

    @property
    def name(self) -> str:
        """Names the ensemble, and that its members stand side by side."""
        return f"{self.of.name} side by side"

    @property
    def travels(self) -> bool:
        """As the ensemble."""
        return self.of.travels

    def load(self, device: torch.device) -> nn.Module:
        """Return the members on a device.

        Raises
        ------
        CheckpointError
            It is one model alone; `ModelSource.load` has what else is raised.
        """
        return _loaded(self, device)


@lru_cache(maxsize=2)
def _loaded(source: MembersSideBySide, device: torch.device) -> nn.Module:
    model = source.of.load(device)
    if not isinstance(model, SiteEnsemble):
        raise CheckpointError(
            f"{source.of.name}: expected a model of several members, to be told apart, found one. Name further members "
            "under ensemble in the protocol."
        )
    return SideBySide(model.members).eval()
