"""How far an image can move a network's output: both directions searched, the larger one kept (eq. 1 and 3).

On float images, for networks whose gradient is known; what an animal is shown goes through ``synthesis``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.objectives import SignedResponse
from closedloop.attacks.problem import Method, Problem, from_bytes
from closedloop.attacks.synthesis.items import seed_of
from closedloop.models.site_model import device_of, predict

Floats = NDArray[np.float64]

_UP_AND_DOWN = (+1, -1)


@dataclass(frozen=True)
class Target:
    """An image and the output to move.

    Attributes
    ----------
    name
        Unique; the random starts derive from it, never from the order.
    image_index, output_index
        Row of the images, output of the network.

    Examples
    --------
    >>> from closedloop.attacks import Target
    >>> Target("photo 3, unit 17", image_index=3, output_index=17).output_index
    17
    """

    name: str
    image_index: int
    output_index: int


@dataclass(frozen=True)
class Changes:
    """Largest changes found, every array (n_targets, n_radii), in the network's response units.

    Attributes
    ----------
    up, down
        Response minus the clean one: at least 0 upwards and at most 0 downwards, as no perturbation is one too.
    n_gradients
        Gradients taken, both directions and all starts together.
    """

    up: Floats
    down: Floats
    n_gradients: NDArray[np.int64]

    @property
    def larger(self) -> Floats:
        """The change of the larger size, with its sign."""
        return np.where(self.up >= -self.down, self.up, self.down)


def largest_changes(
    model: nn.Module,
    targets: Sequence[Target],
    images: NDArray[np.uint8],
    *,
    radii: Sequence[float],
    method: Method,
    batch_size: int,
    warm_start: bool,
) -> Changes:
    """Search every target in both directions at every radius.

    A perturbation of a smaller ball lies in every larger one, so that what is found never falls with the radius.

    Parameters
    ----------
    model
        Images (n, 3, height, width) in [0, 1] to responses (n, n_outputs); frozen, in ``eval`` mode.
    targets
        What to move; names must be unique.
    images
        uint8, (n_images, height, width, 3).
    radii
        Radii of the balls at this image size, ascending.
    method
        How to search.
    batch_size
        Images in one forward pass; nothing found depends on it.
    warm_start
        Whether a search after the first radius starts from what the one before found; else all start at random.

    Raises
    ------
    ValueError
        A name occurs twice, or the radii do not ascend.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from closedloop.attacks import COSINE, Method, Target, largest_changes
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 2)).eval()
    >>> photos = np.full((1, 8, 8, 3), 128, dtype=np.uint8)
    >>> targets = [Target("photo 0, output 1", image_index=0, output_index=1)]
    >>> found = largest_changes(
    ...     model, targets, photos, radii=[0.1, 0.2], method=Method(COSINE), batch_size=4, warm_start=True
    ... )
    >>> found.larger.shape
    (1, 2)
    """
    _check(targets, radii)
    n = len(targets)
    device = device_of(model)
    objective = SignedResponse(
        torch.tensor([target.output_index for target in targets] * len(_UP_AND_DOWN), device=device),
        torch.tensor(_UP_AND_DOWN, dtype=torch.float32, device=device).repeat_interleave(n),
    )
    problem = Problem(model, from_bytes(images, device=device), objective)
    value = np.full((len(_UP_AND_DOWN) * n, len(radii)), -np.inf)
    n_gradients = np.zeros(value.shape, np.int64)
    for found in find(problem, _tasks(targets, radii, warm_start=warm_start), method=method, batch_size=batch_size):
        place = found.task.row, radii.index(found.task.radii[found.radius_index])
        value[place], n_gradients[place] = found.value, found.n_gradients
    clean = _clean_responses(model, targets, images)
    up, down = (value[:n] - clean[:, None], value[n:] + clean[:, None])
    return Changes(_monotone(up), -_monotone(down), n_gradients[:n] + n_gradients[n:])


def _tasks(targets: Sequence[Target], radii: Sequence[float], *, warm_start: bool) -> Iterator[Task]:
    for place, direction in enumerate(_UP_AND_DOWN):
        for row, target in enumerate(targets, start=place * len(targets)):
            if warm_start:
                yield Task(row, target.image_index, tuple(radii), seed_of(target.name, direction))
            else:
                for radius in radii:
                    yield Task(
                        row, target.image_index, (radius,), seed_of(f"{target.name}|radius {radius!r}", direction)
                    )


def _clean_responses(model: nn.Module, targets: Sequence[Target], images: NDArray[np.uint8]) -> Floats:
    responses = predict(model, images)
    return np.array([responses[target.image_index, target.output_index] for target in targets], np.float64)


def _monotone(gain: Floats) -> Floats:
    return np.maximum.accumulate(np.maximum(gain, 0.0), axis=1)


def _check(targets: Sequence[Target], radii: Sequence[float]) -> None:
    if len({target.name for target in targets}) != len(targets):
        raise ValueError("names of targets must be unique: the random starts derive from them")
    if not radii or any(after <= before for before, after in itertools.pairwise(radii)):
        raise ValueError(f"radii must ascend, found {tuple(radii)}")
