"""Members of an ensemble, or any two models, beside each other as one that any process can load."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from closedloop.attacks.aims.side_by_side import OutputsSideBySide
from closedloop.attacks.synthesis.sources import ModelSource
from closedloop.errors import CheckpointError
from closedloop.models.ensemble import SiteEnsemble


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

    @property
    def reads(self) -> tuple[Path, ...]:
        """What the ensemble does."""
        return self.of.reads

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
    return OutputsSideBySide(model.members).eval()


@dataclass(frozen=True)
class ModelsSideBySide:
    """Two models with as many outputs each, side by side: the second one's outputs come after the first one's.

    Attributes
    ----------
    first, second
        Where they are.
    """

    first: ModelSource
    second: ModelSource

    @property
    def name(self) -> str:
        """Names both, in their order."""
        return f"{self.first.name} beside {self.second.name}"

    @property
    def travels(self) -> bool:
        """Where both do."""
        return self.first.travels and self.second.travels

    @property
    def reads(self) -> tuple[Path, ...]:
        """What both do."""
        return self.first.reads + self.second.reads

    def load(self, device: torch.device) -> nn.Module:
        """Return both on a device.

        Raises
        ------
        CheckpointError
            A file is missing, unusable, or no longer the one that was named.
        """
        return _both(self, device)


@lru_cache(maxsize=2)
def _both(source: ModelsSideBySide, device: torch.device) -> nn.Module:
    return OutputsSideBySide([source.first.load(device), source.second.load(device)]).eval()
