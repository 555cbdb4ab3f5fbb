"""Images that move a layer of a network as far as a small change can, on whole grey levels, so that they can be shown.

Appendix 6.1, criterion C: "how well does perturbations targeted toward a model layer transfers to IT neurons without
any explicit mapping between the two systems". What is made large is the distance of the layer's features from those of
the clean image, all of them together; no site and no readout plays a part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.attacks.balls import radius_at
from closedloop.attacks.engine.evaluation import Evaluator, Width, in_halves
from closedloop.attacks.engine.find import Optimum, find_with
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.gradients.estimators import Draws
from closedloop.attacks.lattice import LatticeSettings, pixel_type, realised_epsilon, refine_on_lattice
from closedloop.attacks.objectives import LayerDisplacement
from closedloop.attacks.problem import Method, Problem, from_bytes, in_unit_range
from closedloop.attacks.synthesis.items import seed_of
from closedloop.models.site_model import SiteModel, device_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LayerAttacks:
    """Attacked images, one row an image.

    Attributes
    ----------
    attacked
        uint8, (n_images, side, side, 3).
    displacement
        Distance of the layer's features from those of the clean image, in the layer's unit, (n_images,).
    realised_epsilon
        L2 norm of the change from the bytes, at 224 px, (n_images,).

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.attacks import LayerAttacks
    >>> found = LayerAttacks(np.zeros((2, 8, 8, 3), np.uint8), np.array([3.1, 2.8]), np.array([9.99, 9.98]))
    >>> found.displacement.max()
    np.float64(3.1)
    """

    attacked: NDArray[np.uint8]
    displacement: Floats
    realised_epsilon: Floats


class ReadoutFeatures(nn.Module):
    """The features that a site model's readout sees, as outputs.

    Parameters
    ----------
    model
        Used, not copied.
    """

    def __init__(self, model: SiteModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], (n, 3, side, side), to features, (n, n_features)."""
        return self.model.features(images).flatten(1)


def layer_attacks(
    model: nn.Module,
    images: NDArray[np.uint8],
    *,
    names: Sequence[str],
    epsilon: float,
    method: Method,
    lattice: LatticeSettings,
    batch_size: int,
) -> LayerAttacks:
    """Move a layer's features as far as a change of each image within a ball can.

    Parameters
    ----------
    model
        Images (n, 3, side, side) in [0, 1] to a layer's features, (n, n_features); frozen, in ``eval`` mode.
    images
        Clean images, uint8, (n_images, side, side, 3).
    names
        One an image, by which its random start is drawn.
    epsilon
        L2 norm of the change at 224 px.
    method
        How to search; it starts at random, for at the clean image the gradient is zero.
    lattice
        How the float optimum is put on whole levels.
    batch_size
        Images at once; what is found does not depend on it.

    Raises
    ------
    ValueError
        Two images have one name, or the search starts at the clean image.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from closedloop.attacks import COSINE, LatticeSettings, Method, layer_attacks
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 5)).eval()
    >>> photos = np.full((2, 8, 8, 3), 128, dtype=np.uint8)
    >>> found = layer_attacks(
    ...     model,
    ...     photos,
    ...     names=("a", "b"),
    ...     epsilon=10.0,
    ...     method=Method(COSINE),
    ...     lattice=LatticeSettings(),
    ...     batch_size=4,
    ... )
    >>> bool((found.realised_epsilon <= 10.0).all()), bool((found.displacement > 0).all())
    (True, True)
    """
    _check(names, images, method)
    device = device_of(model)
    clean = from_bytes(images, device=device, levels=lattice.levels)
    objective = LayerDisplacement(_features(model, images, lattice.levels, batch_size=batch_size))
    evaluator = Evaluator(Problem(model, clean, objective), method, Width(batch_size))
    radius = radius_at(epsilon, images.shape[1])
    tasks = (Task(place, place, (radius,), seed_of(name, 1)) for place, name in enumerate(names))
    attacked = np.empty(images.shape, dtype=pixel_type(lattice.levels))
    displacement = np.empty(len(images))
    for group in _groups(find_with(evaluator, tasks, n_slots=batch_size), batch_size):
        on_lattice = in_halves(partial(_on_lattice, evaluator, images, lattice=lattice), group)
        for found, (shown, moved) in zip(group, on_lattice, strict=True):
            attacked[found.task.row], displacement[found.task.row] = shown, moved
    return LayerAttacks(attacked, displacement, realised_epsilon(images, attacked, levels=lattice.levels))


def _on_lattice(
    evaluator: Evaluator, images: NDArray[np.uint8], group: Sequence[Optimum], *, lattice: LatticeSettings
) -> list[tuple[NDArray[np.uint8], float]]:
    """Return some images in whole levels, each with how far its features are displaced."""
    clean = images[[found.task.row for found in group]]
    device = evaluator.problem.images([0]).device
    rows = torch.tensor([found.task.row for found in group], device=device)
    draws = Draws(tuple(found.task.seed for found in group), (0,) * len(group))
    best = refine_on_lattice(
        partial(_score, evaluator, rows, draws),
        in_unit_range(clean, device=device, levels=lattice.levels),
        torch.stack([found.delta for found in group]).to(device),
        radius=[found.task.radii[0] for found in group],
        settings=lattice,
    )
    shown = best.pixels.permute(0, 2, 3, 1).cpu().numpy().astype(pixel_type(lattice.levels))
    squared = evaluator.value(in_unit_range(shown, device=device, levels=lattice.levels), rows)
    return list(zip(shown, np.sqrt(squared.double().cpu().numpy()).tolist(), strict=True))


def _score(evaluator: Evaluator, rows: Tensor, draws: Draws, images: Tensor) -> tuple[Tensor, Tensor]:
    found = evaluator.score(images, rows, draws)
    return found.value, found.gradient


@torch.no_grad()
def _features(model: nn.Module, images: NDArray[np.uint8], levels: int, *, batch_size: int) -> Tensor:
    device = device_of(model)
    parts = [
        model(in_unit_range(images[start : start + batch_size], device=device, levels=levels)).float()
        for start in range(0, len(images), batch_size)
    ]
    return torch.cat(parts)


def _groups(found: Iterator[Optimum], n: int) -> Iterator[list[Optimum]]:
    while group := list(islice(found, n)):
        yield group


def _check(names: Sequence[str], images: NDArray[np.uint8], method: Method) -> None:
    if len(names) != len(images) or len(set(names)) < len(names):
        raise ValueError(f"expected a name of its own for each of {len(images)} images, found {len(set(names))}")
    if not method.search.random_start:
        raise ValueError("a layer is displaced from a random start: at the clean image its gradient is zero")
