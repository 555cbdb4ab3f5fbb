"""What is attacked and how: the two things that the engine is given beside its tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.attacks.balls.ball import Ball
from closedloop.attacks.balls.l2 import L2
from closedloop.attacks.estimators.estimator import GradientEstimator
from closedloop.attacks.estimators.plain import Plain
from closedloop.attacks.objectives import Model, Objective
from closedloop.attacks.precision import Precision
from closedloop.attacks.searches.paper31 import Paper31
from closedloop.attacks.searches.search import Search

ImageSource = Callable[[Sequence[int]], Tensor]
"""Indices of clean images to float images in [0, 1], (n, 3, height, width), on the model's device."""


@dataclass(frozen=True)
class Problem:
    """A model, the clean images, and what counts.

    Attributes
    ----------
    model
        Images (n, 3, height, width) in [0, 1] to responses (n, n_outputs), in ``eval`` mode.
    images
        Clean images by index.
    objective
        Its parameters are on the model's device.
    """

    model: Model
    images: ImageSource
    objective: Objective


@dataclass(frozen=True)
class Method:
    """How to search.

    Attributes
    ----------
    search
        Steps, radii, restarts.
    estimator
        Which gradient it follows.
    ball
        Which norm.
    precision
        Of the ascent; what is found is chosen and valued in float32 whatever it is.
    """

    search: Search = field(default_factory=Paper31)
    estimator: GradientEstimator = field(default_factory=Plain)
    ball: Ball = field(default_factory=L2)
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.search.goes_back and not self.estimator.comparable:
            raise ValueError(
                "a search that goes back to its best step needs a gradient whose values compare between steps, found "
                f"{self.search} with {self.estimator}: use Cosine or Paper31"
            )


def from_bytes(images: NDArray[Any], *, device: torch.device, levels: int = 255) -> ImageSource:
    """Clean images from whole numbers, (n_images, height, width, 3), 0 to `levels`; any array that can be indexed."""

    def chosen(places: Sequence[int]) -> Tensor:
        return in_unit_range(images[list(places)], device=device, levels=levels)

    return chosen


def in_unit_range(images: NDArray[Any], *, device: torch.device, levels: int = 255) -> Tensor:
    """Images in whole levels, (n, height, width, 3), as float in [0, 1], (n, 3, height, width)."""
    whole = torch.from_numpy(np.asarray(images, dtype=np.float32)).to(device)
    return whole.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) / levels
