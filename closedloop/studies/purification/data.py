"""Labelled grey images to train and to test on: idx files, class folders, or images rendered here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.naming import generator
from closedloop.defenses.fitting import LabelledExamples
from closedloop.errors import ImageError
from closedloop.stimuli.folders import ImageNetFolderPool
from closedloop.stimuli.idx import is_idx_folder, read_idx_folder
from closedloop.stimuli.pools import ProceduralPool, load_images
from closedloop.stimuli.port import ImagePool

FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""

RENDERED = "images rendered here"
"""Name of the images where no others are at hand."""

SIDE_PX = 28
"""Side of images that are read from class folders or rendered, as of the slides' digits."""

_N_RENDERED, _RENDERED_CATEGORIES = 40_000, 10
_TESTED = 5  # a folder without test images of its own keeps one image in so many for the test


@dataclass(frozen=True)
class LabelledImages:
    """Images with classes, to train and to test on.

    Attributes
    ----------
    name
        What they are, as the page says it.
    side_px
        Height and width of an image.
    classes
        Names of the classes.
    train, test
        Apart from each other.
    """

    name: str
    side_px: tuple[int, int]
    classes: tuple[str, ...]
    train: LabelledExamples
    test: LabelledExamples


def read_data(folder: Path | None, *, n_train: int, n_test: int, seed: int) -> LabelledImages:
    """Read labelled images.

    Parameters
    ----------
    folder
        Of idx files, or of class folders; None: the default, which is `FASHION` where it is installed.
    n_train, n_test
        Images of either part, at most; drawn where there are more.
    seed
        Of the draw.

    Raises
    ------
    ImageError
        The folder holds no such images, or too few.
    """
    if folder is None and is_idx_folder(FASHION):
        return _from_idx(FASHION, "Fashion-MNIST", n_train=n_train, n_test=n_test, seed=seed)
    if folder is None:
        pool = ProceduralPool(seed, SIDE_PX, _RENDERED_CATEGORIES, _N_RENDERED // _RENDERED_CATEGORIES)
        return _from_pool(pool, RENDERED, n_train=n_train, n_test=n_test, seed=seed)
    if is_idx_folder(folder):
        return _from_idx(folder, f"idx files of {folder}", n_train=n_train, n_test=n_test, seed=seed)
    pool_of_files = ImageNetFolderPool(folder, SIDE_PX)
    return _from_pool(pool_of_files, f"image files of {folder}", n_train=n_train, n_test=n_test, seed=seed)


def _from_idx(folder: Path, name: str, *, n_train: int, n_test: int, seed: int) -> LabelledImages:
    (images, labels), (tests, test_labels) = (read_idx_folder(folder, part) for part in ("train", "test"))
    if images.shape[1:] != tests.shape[1:]:
        raise ImageError(
            f"{folder}: expected images of one size, found {images.shape[1:]} and {tests.shape[1:]}. "
            "Copy the files again."
        )
    classes = np.unique(np.concatenate([labels, test_labels]))
    parts = [
        _drawn(pixels.reshape(len(pixels), -1), np.searchsorted(classes, of), len(classes), n=n, seed=seed, part=part)
        for pixels, of, n, part in ((images, labels, n_train, "train"), (tests, test_labels, n_test, "test"))
    ]
    names = tuple(map(str, classes.tolist()))
    return _checked(LabelledImages(name, (images.shape[1], images.shape[2]), names, *parts), str(folder))


def _from_pool(pool: ImagePool, name: str, *, n_train: int, n_test: int, seed: int) -> LabelledImages:
    images = pool.images()
    names = sorted({image.category for image in images})
    order = generator(seed, "purification", "images").permutation(len(images))
    n_tested = min(n_test, len(images) // _TESTED)
    tested, trained = order[:n_tested], order[n_tested : n_tested + n_train]
    class_of = {category: place for place, category in enumerate(names)}
    classes = np.array([class_of[image.category] for image in images], dtype=np.int64)
    parts = [
        LabelledExamples(_grey(pool, [images[row].image_id for row in rows]), classes[rows], len(names))
        for rows in (trained, tested)
    ]
    return _checked(LabelledImages(name, (pool.side_px, pool.side_px), tuple(names), *parts), name)


def _grey(pool: ImagePool, image_ids: Sequence[str]) -> NDArray[np.uint8]:
    """Return the mean over colours, (n, n_values)."""
    coloured = load_images(pool, tuple(image_ids))
    grey: NDArray[np.uint8] = np.rint(coloured.mean(axis=3)).astype(np.uint8)
    return grey.reshape(len(coloured), -1)


def _drawn(
    images: NDArray[np.uint8], classes: NDArray[np.int64], n_classes: int, *, n: int, seed: int, part: str
) -> LabelledExamples:
    rows = np.sort(generator(seed, "purification", part).permutation(len(images))[:n])
    return LabelledExamples(images[rows], classes[rows].astype(np.int64), n_classes)


def _checked(data: LabelledImages, place: str) -> LabelledImages:
    n_classes = len(data.classes)
    if n_classes < _LEAST_CLASSES or len(data.train.classes) < _LEAST_TRAINED or not len(data.test.classes):
        raise ImageError(
            f"{place}: expected images of {_LEAST_CLASSES} classes or more, {_LEAST_TRAINED} of them to train on, "
            f"found {n_classes} classes and {len(data.train.classes)} images. Name another folder."
        )
    return data


_LEAST_CLASSES, _LEAST_TRAINED = 3, 64  # APGD's ratio of margins compares three scores
