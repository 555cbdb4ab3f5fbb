"""Attack any torch module in one call, without files, workers or protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.attacks.balls import PAPER_SIDE_PX, radius_at
from closedloop.attacks.call_checks import (
    check_finite,
    check_images,
    check_model,
    check_numbers,
    check_responses,
    choose_outputs,
)
from closedloop.attacks.engine.evaluation import Evaluator, Width
from closedloop.attacks.engine.find import find_with
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.objectives import SignedResponse
from closedloop.attacks.problem import ImageSource, Method, Problem, from_bytes
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.both_directions import attacks
from closedloop.attacks.synthesis.items import AttackItem, seed_of
from closedloop.attacks.synthesis.work import Work
from closedloop.models.site_model import device_of

AnyImages = TypeVar("AnyImages")

DEFAULT_METHOD = Method(replace(COSINE, steps=50, last_fraction=0.1))
"""That of `closedloop attack`."""


@dataclass(frozen=True)
class AttackResult(Generic[AnyImages]):
    """Attacked images and how far they move the model, one row an image.

    Attributes
    ----------
    attacked
        Of the type and shape of the clean images.
    response_clean, response_attacked
        The attacked output's response to the clean and to the attacked image, shape (n_images,).
    realised_epsilon
        L2 norm of the change in the units of a 224 x 224 x 3 image, shape (n_images,).
    direction
        +1 where the response was raised, -1 where it was lowered, shape (n_images,).

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.attacks import AttackResult
    >>> clean, attacked = np.array([1.0, 2.0]), np.array([4.0, 1.5])
    >>> result = AttackResult(np.zeros((2, 8, 8, 3), np.uint8), clean, attacked, np.ones(2), np.sign(attacked - clean))
    >>> result.change.tolist()
    [3.0, -0.5]
    """

    attacked: AnyImages
    response_clean: NDArray[np.float64]
    response_attacked: NDArray[np.float64]
    realised_epsilon: NDArray[np.float64]
    direction: NDArray[Any]

    @property
    def change(self) -> NDArray[np.float64]:
        """Response to the attacked image minus that to the clean one, shape (n_images,)."""
        return self.response_attacked - self.response_clean


@overload
def attack(
    model: nn.Module,
    images: NDArray[np.uint8],
    *,
    output: int | Sequence[int],
    epsilon: float,
    directions: tuple[int, ...] = ...,
    method: Method = ...,
    seed: int = ...,
    batch_size: int = ...,
) -> AttackResult[NDArray[np.uint8]]: ...


@overload
def attack(
    model: nn.Module,
    images: Tensor,
    *,
    output: int | Sequence[int],
    epsilon: float,
    directions: tuple[int, ...] = ...,
    method: Method = ...,
    seed: int = ...,
    batch_size: int = ...,
) -> AttackResult[Tensor]: ...


def attack(
    model: nn.Module,
    images: NDArray[np.uint8] | Tensor,
    *,
    output: int | Sequence[int],
    epsilon: float,
    directions: tuple[int, ...] = (+1, -1),
    method: Method = DEFAULT_METHOD,
    seed: int = 0,
    batch_size: int = 64,
) -> AttackResult[NDArray[np.uint8]] | AttackResult[Tensor]:
    """Move an output of a model as far as a small change of each image can.

    Images of bytes are attacked on whole grey levels, so that what is found can be shown and its norm is never above
    epsilon; float images are not rounded.

    Parameters
    ----------
    model
        Images (n, 3, side, side) in [0, 1] to responses (n, n_outputs), in ``eval`` mode; left as it is.
    images
        Clean images: uint8, (n_images, side, side, 3), or a float tensor in [0, 1], (n_images, 3, side, side).
    output
        Which output is driven: one for all images, or one an image.
    epsilon
        L2 norm of the change in [0, 1] pixel units on a 224 x 224 x 3 image; at another side the ball is scaled so that
        each pixel changes as much.
    directions
        +1 raises the response, -1 lowers it; of both the larger change is kept (section 3.1).
    method
        How to search; that of `closedloop attack` by default.
    seed
        Of the random starts.
    batch_size
        Images in one forward pass; what is found does not depend on it.

    Raises
    ------
    ValueError
        The model is in training mode, or its responses are not finite or do not follow the image by gradients; the
        images are of another kind; there is no such output; or another argument is out of its range.
    TypeError
        The model is no module or answers no tensor, the images are no array, or an output is no whole number.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from closedloop.attacks import attack
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 10)).eval()
    >>> photos = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    >>> result = attack(model, photos, output=3, epsilon=10.0)
    >>> result.attacked.dtype, result.attacked.shape
    (dtype('uint8'), (4, 8, 8, 3))
    >>> bool((result.realised_epsilon <= 10.0).all()) and bool((result.change != 0).all())
    True
    """
    check_images(images)
    check_numbers(epsilon, directions, batch_size)
    check_model(model)
    outputs = choose_outputs(output, len(images))
    items = [AttackItem(f"{seed}|{place}", place, site, epsilon) for place, site in enumerate(outputs)]
    found: AttackResult[NDArray[np.uint8]] | AttackResult[Tensor]
    with torch.inference_mode(mode=False), torch.enable_grad():  # wherever it is called from
        check_responses(model, _source(images, device_of(model)), outputs, batch_size=batch_size)
        if isinstance(images, Tensor):
            found = _attack_floats(model, images, items, directions, method=method, batch_size=batch_size)
        else:
            found = _attack_bytes(model, images, items, directions, method=method, batch_size=batch_size)
    check_finite(found.response_attacked, outputs, kind="attacked")
    return found


def _attack_bytes(
    model: nn.Module,
    images: NDArray[np.uint8],
    items: Sequence[AttackItem],
    directions: tuple[int, ...],
    *,
    method: Method,
    batch_size: int,
) -> AttackResult[NDArray[np.uint8]]:
    work = Work(items, images, method, LatticeSettings(), directions, device_of(model))
    found = dict(attacks(model, work, batch_size=batch_size))
    rows = [found[place] for place in range(len(items))]
    return AttackResult(
        np.stack([row.attacked for row in rows]),
        np.array([row.predicted_clean for row in rows]),
        np.array([row.predicted_attacked for row in rows]),
        np.array([row.realised_epsilon for row in rows]),
        np.array([row.direction for row in rows]),
    )


def _attack_floats(
    model: nn.Module,
    images: Tensor,
    items: Sequence[AttackItem],
    directions: tuple[int, ...],
    *,
    method: Method,
    batch_size: int,
) -> AttackResult[Tensor]:
    n, device, side_px = len(items), device_of(model), images.shape[-1]
    clean = images.to(device)
    site = torch.tensor([item.site_index for item in items] * len(directions), device=device)
    sign = torch.tensor(directions, dtype=torch.float32, device=device).repeat_interleave(n)
    problem = Problem(model, _source(clean, device), SignedResponse(site, sign))
    evaluator = Evaluator(problem, method, Width(batch_size))
    found = {one.task.row: one for one in find_with(evaluator, _tasks(items, directions, side_px), n_slots=batch_size)}
    before = sign[:n].double().cpu().numpy() * evaluator.value(clean, torch.arange(n, device=device)).cpu().numpy()
    after = np.array([found[row].value for row in range(n * len(directions))]).reshape(-1, n)
    after *= np.array(directions)[:, None]
    kept = np.abs(after - before).argmax(axis=0)  # the first direction where two are equal
    delta = torch.stack([found[int(kept[place]) * n + place].delta for place in range(n)])
    return AttackResult(
        images + delta.to(images),
        before,
        after[kept, np.arange(n)],
        delta.flatten(1).norm(dim=1).double().numpy() * PAPER_SIDE_PX / side_px,
        np.array(directions)[kept],
    )


def _source(images: NDArray[np.uint8] | Tensor, device: torch.device) -> ImageSource:
    if not isinstance(images, Tensor):
        return from_bytes(images, device=device)
    clean = images.to(device)
    return lambda places: clean[list(places)]


def _tasks(items: Sequence[AttackItem], directions: tuple[int, ...], side_px: int) -> Iterator[Task]:
    for side, direction in enumerate(directions):
        for place, item in enumerate(items):
            seed = seed_of(item.item_name, direction)
            yield Task(side * len(items) + place, item.image_index, (radius_at(item.epsilon, side_px),), seed)
