"""How the weights of the simulated cortices were made; run as ``python -m closedloop.simulation.cortex.training``.

With ``--kind other_weights`` or ``--kind recurrent`` it makes those of another hidden cortex (`kinds.KINDS`).

Adversarial training (Madry et al. 2018) on the procedural images, at the epsilon of the dry run's base model but with
one attack step, other images and another network. A cortex trained at half that epsilon was too rough: attacks found
with a model that predicted its clean rates at r = .87 reached a tenth of what its own gradients reach.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from closedloop.attacks.balls import L2, per_item, radius_at
from closedloop.attacks.objectives import value_and_gradient
from closedloop.errors import CheckpointError, StorageError
from closedloop.execution.progress import ProgressCallback
from closedloop.plain_text.json_text import parse_json
from closedloop.simulation.cortex.kinds import KINDS, SHIPPED, CortexKind
from closedloop.simulation.cortex.network import CORTEX_SIDE_PX, CortexNetwork, untrained_network
from closedloop.simulation.cortex.recipe import CortexRecipe
from closedloop.stimuli.pools import ProceduralPool, load_images
from closedloop.storage import atomic_file


@dataclass(frozen=True)
class TrainedCortex:
    """A trained network with the shares of held-out images it names rightly, clean and attacked."""

    network: CortexNetwork
    kind: CortexKind
    recipe: CortexRecipe
    clean_accuracy: float
    attacked_accuracy: float


def train_cortex_network(
    recipe: CortexRecipe, *, kind: CortexKind = SHIPPED, progress: ProgressCallback | None = None
) -> TrainedCortex:
    """Train the hidden network of a cortex; a few minutes on one core.

    Parameters
    ----------
    recipe
        Decides the result up to the rounding of the machine's convolutions; `CortexKind.recipe` made what is shipped.
    kind
        Whose network.
    progress
        Called after every batch with (batches done, batches in total).
    """
    images, labels = _labelled_images(recipe, first=0, n=recipe.n_images_per_category)
    network = untrained_network(kind.build_areas, recipe.n_categories, seed=recipe.seed)
    n_batches = recipe.epochs * (len(images) // recipe.batch_size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=recipe.learning_rate, total_steps=n_batches, pct_start=0.1
    )
    for number, batch in enumerate(_batches(recipe, n_images=len(images))):
        x, target = _scale(images[batch]), torch.from_numpy(labels[batch])
        attacked = x + _worst_case(network, x, target=target, recipe=recipe, seed=recipe.seed + number)
        optimiser.zero_grad()
        functional.cross_entropy(network(attacked), target).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if progress is not None:
            progress(number + 1, n_batches)
    return _evaluate(network.eval(), kind, recipe)


def save_cortex_network(trained: TrainedCortex, path: Path) -> None:
    """Write weights with their recipe and accuracy in the file's metadata.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    metadata = {
        "recipe": json.dumps(asdict(trained.recipe), sort_keys=True),
        "clean_accuracy": f"{trained.clean_accuracy:.4f}",
        "attacked_accuracy": f"{trained.attacked_accuracy:.4f}",
        "made_by": _command(trained.kind),
    }
    try:
        with atomic_file(path) as temporary:
            save_file(trained.network.state_dict(), temporary, metadata=metadata)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"{path}: expected to write weights, found {error}. Choose a writable folder.") from error


def load_cortex_network(path: Path | None = None, *, kind: CortexKind = SHIPPED) -> CortexNetwork:
    """Open a cortex's trained weights; frozen and in ``eval`` mode.

    Parameters
    ----------
    path
        Of the weights; those that the package ships where None.
    kind
        Whose they are.

    Raises
    ------
    CheckpointError
        The file is missing or does not hold a cortex of this kind.
    """
    if path is None:
        with as_file(files("closedloop.simulation") / "weights" / kind.weights_name) as shipped:
            return load_cortex_network(shipped, kind=kind)
    try:
        with safe_open(path, framework="pt") as stored:
            recipe = parse_json((stored.metadata() or {})["recipe"], place=str(path), error=CheckpointError)
            state = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        network = untrained_network(kind.build_areas, int(recipe["n_categories"]), seed=0)
        network.load_state_dict(state)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{path}: expected weights of the simulated cortex, found {type(error).__name__}. "
            f"Make them with {_command(kind)} FILE."
        ) from error
    return network.eval().requires_grad_(False)


def _evaluate(network: CortexNetwork, kind: CortexKind, recipe: CortexRecipe) -> TrainedCortex:
    n_held_out = 20
    images, labels = _labelled_images(recipe, first=recipe.n_images_per_category, n=n_held_out)
    x, target = _scale(images), torch.from_numpy(labels)
    attacked = x + _worst_case(network, x, target=target, recipe=recipe, seed=recipe.seed)
    return TrainedCortex(network, kind, recipe, _accuracy(network, x, target), _accuracy(network, attacked, target))


@torch.no_grad()
def _accuracy(network: CortexNetwork, images: Tensor, target: Tensor) -> float:
    return float((network(images).argmax(1) == target).float().mean())


def _worst_case(network: CortexNetwork, clean: Tensor, *, target: Tensor, recipe: CortexRecipe, seed: int) -> Tensor:
    """Return perturbations that raise the classification loss, from a random start."""
    radius = torch.full((len(clean),), radius_at(recipe.epsilon, CORTEX_SIDE_PX))
    starts = np.random.default_rng(seed).integers(0, 2**62, len(clean)).tolist()
    ball = L2()
    delta = ball.project(ball.start(radius, shape=clean.shape[1:], seeds=starts), clean=clean, radius=radius)
    step = per_item(recipe.attack_step_fraction * radius, clean)
    for _ in range(recipe.attack_steps):
        gradient = value_and_gradient(_loss_of(network, target), clean + delta).gradient
        delta = ball.project(delta + step * ball.ascent(gradient), clean=clean, radius=radius)
    return delta


def _loss_of(network: nn.Module, target: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda images: functional.cross_entropy(network(images), target, reduction="none")


def _batches(recipe: CortexRecipe, *, n_images: int) -> Iterator[NDArray[np.int64]]:
    rng = np.random.default_rng(recipe.seed)
    for _ in range(recipe.epochs):
        order = rng.permutation(n_images)
        for number in range(n_images // recipe.batch_size):
            yield order[number * recipe.batch_size : (number + 1) * recipe.batch_size]


def _labelled_images(recipe: CortexRecipe, *, first: int, n: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return `n` images of each category from the `first` on, with their category's number."""
    pool = ProceduralPool(
        recipe.pool_seed, side_px=CORTEX_SIDE_PX, n_categories=recipe.n_categories, n_per_category=first + n
    )
    ids = [f"{category}-{index:06d}" for category in pool.categories for index in range(first, first + n)]
    return load_images(pool, tuple(ids)), np.repeat(np.arange(recipe.n_categories), n)


def _scale(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255


def _command(kind: CortexKind) -> str:
    chosen = "" if kind == SHIPPED else f" --kind {kind.name}"
    return f"python -m closedloop.simulation.cortex.training{chosen}"


def main(arguments: list[str]) -> None:
    """Train a kind of cortex by its recipe and write the file named, or replace the package's own."""
    parser = argparse.ArgumentParser(prog="python -m closedloop.simulation.cortex.training")
    parser.add_argument("--kind", choices=tuple(KINDS), default=SHIPPED.name, help="whose weights")
    parser.add_argument("file", nargs="?", type=Path, help="to write; the package's own unless given")
    options = parser.parse_args(arguments)
    kind = KINDS[options.kind]
    trained = train_cortex_network(kind.recipe, kind=kind, progress=_report)
    save_cortex_network(trained, options.file or Path(__file__).parents[1] / "weights" / kind.weights_name)
    sys.stderr.write(f"\nclean {trained.clean_accuracy:.3f}, attacked {trained.attacked_accuracy:.3f}\n")


def _report(done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        sys.stderr.write(f"\rbatch {done} of {total}")


if __name__ == "__main__":
    main(sys.argv[1:])
