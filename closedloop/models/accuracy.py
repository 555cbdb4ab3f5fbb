"""Accuracy of a classifier on labelled photographs: the published one, where weights were read as they were meant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from closedloop.errors import ImageError
from closedloop.stimuli.folders import ImageNetFolderPool
from closedloop.stimuli.port import load_images

_BATCH = 16
_TOP = 5


@dataclass(frozen=True)
class Accuracy:
    """Fraction of images whose class is the first, or among the first five, of the logits.

    ``top5`` is None for five classes or fewer, where it is always 1.
    """

    n_images: int
    n_classes: int
    top1: float
    top5: float | None


@torch.no_grad()
def measure_accuracy(network: nn.Module, folder: Path, *, side_px: int, n_classes: int) -> Accuracy:
    """Measure a classifier, pixels in [0, 1] to logits, on a folder of class folders.

    Images become square by ImageNet's evaluation recipe (``stimuli.folders``). Folders whose names are all whole
    numbers name their class; else the sorted folders are the classes in order, and there must be one for each.

    Parameters
    ----------
    network
        Pixels in [0, 1], (n, 3, side, side), to logits, (n, n_classes).
    folder
        Of class folders.
    side_px
        Side that images are brought to.
    n_classes
        Outputs of the network.

    Raises
    ------
    ImageError
        The folder cannot be read, or its classes are not the classifier's.
    """
    pool = ImageNetFolderPool(folder, side_px)
    class_of = _classes(folder, n_classes)
    images = pool.images()
    ranks = []
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        pixels = torch.from_numpy(load_images(pool, tuple(image.image_id for image in batch)))
        labels = torch.tensor([class_of[image.category] for image in batch])
        ranks.append(_rank_of_the_label(network(pixels.permute(0, 3, 1, 2).float() / 255), labels))
    rank = torch.cat(ranks)
    top5 = float((rank < _TOP).double().mean()) if n_classes > _TOP else None
    return Accuracy(len(images), n_classes, top1=float((rank < 1).double().mean()), top5=top5)


def _rank_of_the_label(logits: Tensor, labels: Tensor) -> Tensor:
    """How many classes have a logit at least as large as the right one, itself left out; (n,).

    Ties count against the classifier: constant logits are not right.
    """
    own = logits.gather(1, labels.view(-1, 1))
    return (logits >= own).sum(dim=1) - 1


def _classes(folder: Path, n_classes: int) -> dict[str, int]:
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if all(name.isdecimal() for name in names):
        classes = {name: int(name) for name in names}
        if max(classes.values()) < n_classes:
            return classes
    elif len(names) == n_classes:
        return dict(zip(names, range(n_classes), strict=True))
    raise ImageError(
        f"{folder}: expected a folder for each of the {n_classes} classes, found {len(names)}. Add the others, empty "
        "if need be, or name the folders by the numbers of their classes, from 0."
    )
