"""Train a base model against L2 attacks (Madry et al. 2018), or without, from a pool of images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from closedloop.attacks.balls import radius_at
from closedloop.models.backbones import build_classifier, normalisation_of
from closedloop.models.checkpoints import save_classifier
from closedloop.models.site_model import device_of, images_to_tensor
from closedloop.stimuli.pools import ImagePool, images_by_category, load_images
from closedloop.training.resumable import TrainingProgress, fingerprint, resume_training, save_training

WARM_UP_RATE, WARM_UP_EPSILON = 0.1, 0.25  # fractions of the training
EVALUATION_EPOCH = 1_000_000  # names the images for evaluation; no training reaches it


@dataclass(frozen=True)
class TrainingRecipe:
    """How a base model is trained.

    Parameters
    ----------
    architecture
        A row of ``models.backbones.ARCHITECTURES``.
    epsilon
        L2 radius of the attacks for a 224 px image; scaled by side / 224, so that the change a pixel stays the same.
        0 trains without attacks. It grows from 0 over the first quarter of the training, without which a small
        network stays at chance for epochs.
    pgd_steps
        Gradient steps of each attack; the step is ``1.5 epsilon / pgd_steps``.
    epochs, images_per_epoch
        Length; the images of every epoch are drawn again from the pool.
    batch_size, learning_rate, weight_decay
        Of AdamW; the rate rises over the first tenth of the training and then falls to zero as half a cosine.
    evaluation_images, evaluation_steps
        Images for the accuracies and gradient steps of the attacks on them. A pool that has enough images keeps them
        apart from those of the training.
    seed
        Of the first weights and of every draw.

    Examples
    --------
    >>> from closedloop.training import TrainingRecipe
    >>> TrainingRecipe(epsilon=0.0, epochs=4).architecture
    'small_resnet'
    """

    architecture: str = "small_resnet"
    epsilon: float = 2.0
    pgd_steps: int = 2
    epochs: int = 8
    images_per_epoch: int = 16_000
    batch_size: int = 128
    learning_rate: float = 8e-3
    weight_decay: float = 5e-4
    evaluation_images: int = 1000
    evaluation_steps: int = 10
    seed: int = 0


@dataclass(frozen=True)
class TrainingReport:
    """What a training reached: mean loss of each epoch, accuracy on clean and on attacked images it was not shown."""

    losses: tuple[float, ...]
    clean_accuracy: float
    robust_accuracy: float


@dataclass(frozen=True)
class _Examples:
    """Identities and classes that a training draws from."""

    pool: ImagePool
    image_ids: tuple[str, ...]
    classes: NDArray[np.int64]


def train_classifier(
    recipe: TrainingRecipe,
    pool: ImagePool,
    out: Path,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> TrainingReport:
    """Train a classifier of a pool's categories and write it as safetensors with its recipe and accuracies.

    Parameters
    ----------
    recipe
        How to train.
    pool
        Images with categories.
    out
        Weight file to write.
    checkpoint
        File that holds the state after each epoch, for a run that was killed; None keeps none.
    progress
        Called after every step.

    Raises
    ------
    ProtocolError
        The architecture is unknown.
    ImageError
        An image of the pool cannot be read.
    StorageError
        A file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from closedloop.stimuli.pools import ProceduralPool
    >>> from closedloop.training import TrainingRecipe, train_classifier
    >>> recipe = TrainingRecipe(epsilon=0.0, epochs=1, images_per_epoch=16, batch_size=8, evaluation_images=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pool = ProceduralPool(seed=1, side_px=32, n_categories=3, n_per_category=8)
    ...     report = train_classifier(recipe, pool, Path(folder) / "classifier.safetensors")
    >>> len(report.losses)
    1
    """
    training, evaluation = _split(pool, recipe)
    classifier, n_classes = _untrained(recipe, pool)
    network = nn.Sequential(normalisation_of(recipe.architecture), classifier)
    losses = _descend(
        network, training, recipe=recipe, n_epochs=recipe.epochs, checkpoint=checkpoint, progress=progress
    )
    report = TrainingReport(tuple(losses), *_accuracies(network, evaluation, recipe=recipe))
    details = {**described(recipe, pool), **asdict(report)}
    save_classifier(out, classifier, architecture=recipe.architecture, n_classes=n_classes, details=details)
    return report


def train_epochs(recipe: TrainingRecipe, pool: ImagePool, *, n_epochs: int, checkpoint: Path) -> None:
    """Train the first epochs of a recipe and leave their state, from which `train_classifier` goes on.

    Parameters
    ----------
    recipe
        How to train.
    pool
        Images with categories.
    n_epochs
        Epochs that the state holds at the end, at most the recipe's; those that it holds already are not trained again.
    checkpoint
        File of the state.

    Raises
    ------
    ProtocolError, ImageError, StorageError
        As for `train_classifier`.
    """
    training, _ = _split(pool, recipe)
    network = nn.Sequential(normalisation_of(recipe.architecture), _untrained(recipe, pool)[0])
    _descend(network, training, recipe=recipe, n_epochs=n_epochs, checkpoint=checkpoint, progress=None)


def described(recipe: TrainingRecipe, pool: ImagePool) -> dict[str, Any]:
    """Return what a weight file says of its training; no path of somebody's computer, for weights travel."""
    return {"recipe": asdict(recipe), "pool": _portable(pool)}


def l2_attack(
    network: nn.Module, images: Tensor, classes: Tensor, *, epsilon: float, steps: int, generator: torch.Generator
) -> Tensor:
    """Images that a classifier gets wrong: projected gradient ascent of the cross entropy from a random start.

    Parameters
    ----------
    network
        Images in [0, 1] to logits.
    images, classes
        (n, 3, side, side) and (n,).
    epsilon
        Radius of the L2 ball in [0, 1] pixel units of these images.
    steps
        Gradient steps, each ``1.5 epsilon / steps`` long.
    generator
        Of the random start.

    Returns
    -------
    (n, 3, side, side) in [0, 1], within the ball.
    """
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    attacked = (images + _to_norm(noise, epsilon * 0.5)).clamp(0, 1)
    for _ in range(steps):
        attacked.requires_grad_(True)
        (gradient,) = torch.autograd.grad(cross_entropy(network(attacked), classes, reduction="sum"), attacked)
        moved = attacked.detach() + _to_norm(gradient, 1.5 * epsilon / steps)
        attacked = (images + _into_ball(moved - images, epsilon)).clamp(0, 1)
    return attacked.detach()


def _descend(
    network: nn.Sequential,
    training: _Examples,
    *,
    recipe: TrainingRecipe,
    n_epochs: int,
    checkpoint: Path | None,
    progress: Callable[[TrainingProgress], None] | None,
) -> list[float]:
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    identity = fingerprint(f"{recipe} {training.pool.description()} {training.image_ids}", [])
    losses = resume_training(checkpoint, identity=identity, module=network, optimizer=optimizer)
    for epoch in range(len(losses), n_epochs):
        losses.append(_epoch(network, training, optimizer=optimizer, recipe=recipe, epoch=epoch, progress=progress))
        save_training(checkpoint, identity=identity, module=network, optimizer=optimizer, losses=losses)
    return losses


def _epoch(
    network: nn.Sequential,
    training: _Examples,
    *,
    optimizer: torch.optim.AdamW,
    recipe: TrainingRecipe,
    epoch: int,
    progress: Callable[[TrainingProgress], None] | None,
) -> float:
    """Run one epoch; the mean loss over its batches."""
    rng = np.random.default_rng([recipe.seed, epoch])
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    n_batches = max(recipe.images_per_epoch // recipe.batch_size, 1)
    total = 0.0
    for index in range(n_batches):
        step = epoch * n_batches + index
        _set_rate(optimizer, recipe, fraction_done=step / (recipe.epochs * n_batches))
        images, classes = _draw(training, rng.integers(len(training.classes), size=recipe.batch_size), network)
        epsilon = recipe.epsilon * min((step + 1) / (WARM_UP_EPSILON * recipe.epochs * n_batches), 1)
        attacked = _attack_batch(network, images, classes, epsilon=epsilon, steps=recipe.pgd_steps, generator=generator)
        loss = cross_entropy(network.train()(attacked), classes)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.item()
        if progress is not None:
            progress(TrainingProgress(epoch, step + 1, recipe.epochs * n_batches, total / (index + 1)))
    return total / n_batches


def _attack_batch(
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    *,
    epsilon: float,
    steps: int,
    generator: torch.Generator,
) -> Tensor:
    """Attack in evaluation mode, so that attacks leave no trace in BatchNorm's statistics."""
    if not epsilon:
        return images
    radius = radius_at(epsilon, images.shape[-1])
    return l2_attack(network.eval(), images, classes, epsilon=radius, steps=steps, generator=generator)


def _accuracies(network: nn.Sequential, evaluation: _Examples, *, recipe: TrainingRecipe) -> tuple[float, float]:
    """Fractions right on clean images and on attacked ones; attacks of epsilon 2 where the recipe has none."""
    network.eval()
    epsilon = recipe.epsilon or TrainingRecipe.epsilon
    generator = torch.Generator().manual_seed(recipe.seed)
    clean = robust = 0
    for start in range(0, len(evaluation.classes), recipe.batch_size):
        rows = np.arange(start, min(start + recipe.batch_size, len(evaluation.classes)))
        images, classes = _draw(evaluation, rows, network)
        attacked = _attack_batch(
            network, images, classes, epsilon=epsilon, steps=recipe.evaluation_steps, generator=generator
        )
        clean += _n_right(network, images, classes)
        robust += _n_right(network, attacked, classes)
    return clean / len(evaluation.classes), robust / len(evaluation.classes)


@torch.no_grad()
def _n_right(network: nn.Module, images: Tensor, classes: Tensor) -> int:
    return int((network(images).argmax(dim=1) == classes).sum())


def _untrained(recipe: TrainingRecipe, pool: ImagePool) -> tuple[nn.Sequential, int]:
    """Return a classifier of the pool's categories before its training, and how many there are."""
    n_classes = len(images_by_category(pool))
    return build_classifier(recipe.architecture, n_classes=n_classes, seed=recipe.seed), n_classes


def _split(pool: ImagePool, recipe: TrainingRecipe) -> tuple[_Examples, _Examples]:
    """Images for training and, never more than a fifth of the pool, for evaluation."""
    categories = {category: index for index, category in enumerate(images_by_category(pool))}
    images = pool.images()
    order = np.random.default_rng([recipe.seed, EVALUATION_EPOCH]).permutation(len(images))
    n_evaluation = max(min(recipe.evaluation_images, len(images) // 5), 1)
    parts = order[n_evaluation:], order[:n_evaluation]
    training, evaluation = (
        _Examples(
            pool,
            tuple(images[i].image_id for i in rows),
            np.array([categories[images[i].category] for i in rows], dtype=np.int64),
        )
        for rows in parts
    )
    return training, evaluation


def _draw(examples: _Examples, rows: NDArray[np.int64], network: nn.Module) -> tuple[Tensor, Tensor]:
    pixels = load_images(examples.pool, tuple(examples.image_ids[row] for row in rows))
    device = device_of(network)
    return images_to_tensor(pixels, device=device), torch.from_numpy(examples.classes[rows]).to(device)


def _set_rate(optimizer: torch.optim.AdamW, recipe: TrainingRecipe, *, fraction_done: float) -> None:
    late = max(fraction_done - WARM_UP_RATE, 0) / (1 - WARM_UP_RATE)
    factor = min((fraction_done + 0.01) / WARM_UP_RATE, 1) * 0.5 * (1 + np.cos(np.pi * late))
    for group in optimizer.param_groups:
        group["lr"] = float(recipe.learning_rate * factor)


def _to_norm(direction: Tensor, norm: float) -> Tensor:
    lengths = direction.flatten(1).norm(dim=1).clamp_min(1e-12)
    scaled: Tensor = direction * (norm / lengths).view(-1, 1, 1, 1)
    return scaled


def _into_ball(change: Tensor, radius: float) -> Tensor:
    lengths = change.flatten(1).norm(dim=1).clamp_min(1e-12)
    shortened: Tensor = change * (radius / lengths).clamp_max(1).view(-1, 1, 1, 1)
    return shortened


def _portable(pool: ImagePool) -> dict[str, str | int]:
    """Describe a pool without the path of a folder on somebody's computer; its images' names tell it from another."""
    description = dict(pool.description())
    if description.pop("folder", None) is None:
        return description
    names = "\n".join(image.image_id for image in pool.images())
    return {**description, "images_sha256": hashlib.sha256(names.encode()).hexdigest()}
