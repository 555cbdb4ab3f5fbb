"""What is attacked and how: the two things that the engine is given beside its tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.attacks.balls import L2, Ball
from closedloop.attacks.gradients.estimators import GradientEstimator, Plain
from closedloop.attacks.objectives import Model, Objective
from closedloop.attacks.precision import Precision
from closedloop.attacks.searches import PAPER31, Schedule

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

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import Problem, SignedResponse
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 2)).eval()
    >>> images = torch.rand(5, 3, 8, 8)
    >>> lower_the_first = SignedResponse(torch.tensor([0]), torch.tensor([-1.0]))
    >>> problem = Problem(model, lambda places: images[list(places)], lower_the_first)
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

    Examples
    --------
    >>> from closedloop.attacks import COSINE, Averaged, Method, Shift
    >>> Method(COSINE, Averaged((Shift(0.1),))).ball
    L2()
    """

    search: Schedule = PAPER31
    estimator: GradientEstimator = field(default_factory=Plain)
    ball: Ball = field(default_factory=L2)
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.search.compares_steps and not self.estimator.comparable:
            raise ValueError(
                "a search that goes back to its best step needs a gradient whose values compare between steps, found "
                f"{self.search} with {self.estimator}: use COSINE or PAPER31"
            )


def from_bytes(images: NDArray[Any], *, device: torch.device, levels: int = 255) -> ImageSource:
    """Clean images from whole numbers, (n_images, height, width, 3), 0 to `levels`; any array that can be indexed.

    Parameters
    ----------
    images
        Memory-mapped ones, too.
    device
        Where the model is.
    levels
        Steps between black and white.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from closedloop.attacks import from_bytes
    >>> source = from_bytes(np.full((5, 8, 8, 3), 51, dtype=np.uint8), device=torch.device("cpu"))
    >>> source([0, 3]).shape
    torch.Size([2, 3, 8, 8])
    """

    def select(places: Sequence[int]) -> Tensor:
        return in_unit_range(images[list(places)], device=device, levels=levels)

    return select


def in_unit_range(images: NDArray[Any], *, device: torch.device, levels: int = 255) -> Tensor:
    """Images in whole levels, (n, height, width, 3), as float in [0, 1], (n, 3, height, width).

    Parameters
    ----------
    images
        Whole numbers, 0 to `levels`.
    device
        Where to put them.
    levels
        Steps between black and white.
    """
    whole = torch.from_numpy(np.asarray(images, dtype=np.float32)).to(device)
    return whole.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) / levels
