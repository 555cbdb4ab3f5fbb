"""What a linear decoder reads from a model's responses, as outputs that can be driven like a site's.

The engine drives one output of a model up or down. So the loss of a category's margin, or the movement of the whole
population along a direction, becomes an output of its own, and attacks on a decoder are made, shared out and resumed as
those on sites are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.attacks.objectives import best_other_minus_own
from closedloop.attacks.synthesis.sources import ModelSource

_Rows = tuple[tuple[float, ...], ...]


class CategoryMargins(nn.Module):
    """How far a decoder is from a category: output k is the best other score minus that of category k.

    Driven up from an image of category k, it is the attack on a decoder (`objectives.DecoderMargin`).

    Parameters
    ----------
    model
        Images to responses; used, not copied.
    weights
        Of the decoder, (n_categories, n_outputs of the model).
    offsets
        (n_categories,).

    Examples
    --------
    >>> import torch
    >>> margins = CategoryMargins(torch.nn.Flatten(), torch.eye(3), torch.zeros(3))
    >>> margins(torch.tensor([[[[3.0, 1.0, 2.0]]]]))
    tensor([[-1.,  2.,  1.]])
    """

    weights: Tensor
    offsets: Tensor

    def __init__(self, model: nn.Module, weights: Tensor, offsets: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("weights", weights)
        self.register_buffer("offsets", offsets)

    def forward(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], (n, 3, side, side), to margins that are lost, (n, n_categories)."""
        return best_other_minus_own(self.model(images) @ self.weights.T + self.offsets)


class PopulationDirections(nn.Module):
    """Movement of all outputs along directions: output k is ``w_k . r(x)`` (`objectives.PopulationVector`).

    Parameters
    ----------
    model
        Images to responses; used, not copied.
    weights
        A direction a row, (n_directions, n_outputs of the model).
    """

    weights: Tensor

    def __init__(self, model: nn.Module, weights: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("weights", weights)

    def forward(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], (n, 3, side, side), to movements, (n, n_directions)."""
        along: Tensor = self.model(images) @ self.weights.T
        return along


@dataclass(frozen=True)
class ReadOut:
    """What is read from all outputs of a model: made by `read_margins` or `read_directions`.

    Attributes
    ----------
    weights
        A row an output.
    offsets
        Of a decoder's scores; None of directions.
    """

    weights: _Rows
    offsets: tuple[float, ...] | None = None

    def over(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return the model with this in place of its outputs.

        Parameters
        ----------
        model
            On the device.
        device
            Where it is.
        """
        weights = torch.tensor(self.weights, dtype=torch.float32, device=device)
        if self.offsets is None:
            return PopulationDirections(model, weights)
        return CategoryMargins(model, weights, torch.tensor(self.offsets, dtype=torch.float32, device=device))


def read_margins(weights: NDArray[np.float64], offsets: NDArray[np.float64]) -> ReadOut:
    """Return the margins that a decoder's categories lack, one output a category.

    Parameters
    ----------
    weights
        (n_categories, n_outputs).
    offsets
        (n_categories,).
    """
    return ReadOut(_rows(weights), tuple(offsets.tolist()))


def read_directions(weights: NDArray[np.float64]) -> ReadOut:
    """Return movements along directions, (n_directions, n_outputs), one output a direction."""
    return ReadOut(_rows(weights))


@dataclass(frozen=True)
class DecodedModel:
    """A model as a decoder reads it; a `ModelSource` as the one that it rests on.

    Attributes
    ----------
    of
        The model of single sites.
    read
        What is read from them.
    """

    of: ModelSource
    read: ReadOut

    @property
    def name(self) -> str:
        """Names the model beneath and the numbers that are read by."""
        return f"{self.of.name} read by {hashlib.sha256(repr(self.read).encode()).hexdigest()}"

    @property
    def travels(self) -> bool:
        """As the model beneath."""
        return self.of.travels

    @property
    def reads(self) -> tuple[Path, ...]:
        """What the model beneath does."""
        return self.of.reads

    def load(self, device: torch.device) -> nn.Module:
        """Return the model on a device; `ModelSource.load` has what is raised."""
        return _loaded(self, device)


@lru_cache(maxsize=2)
def _loaded(source: DecodedModel, device: torch.device) -> nn.Module:
    return source.read.over(source.of.load(device), device).eval()


def _rows(weights: NDArray[np.float64]) -> _Rows:
    return tuple(tuple(row) for row in weights.tolist())
