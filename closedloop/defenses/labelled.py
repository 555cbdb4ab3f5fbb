"""Labelled grey images to train and to test on: idx files, class folders, or images rendered here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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

DrawOf = Callable[[str], np.random.Generator]
"""Name of a draw to what draws it."""

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
        Apart from each other: no image of the test has the bytes of one that is trained on.
    n_repeated
        Images that were left out of the test for that.
    """

    name: str
    side_px: tuple[int, int]
    classes: tuple[str, ...]
    train: LabelledExamples
    test: LabelledExamples
    n_repeated: int


def read_labelled(folder: Path | None, *, n_train: int, n_test: int, seed: int, draw_of: DrawOf) -> LabelledImages:
    """Read labelled images.

    Parameters
    ----------
    folder
        Of idx files, or of class folders; None: the default, which is `FASHION` where it is installed.
    n_train, n_test
        Images of either part, at most; drawn where there are more.
    seed
        Of images that are rendered.
    draw_of
        Who is drawn.

    Raises
    ------
    ImageError
        The folder holds no such images, too few or too small ones, or classes to test that are not trained on.
    """
    numbers = {"n_train": n_train, "n_test": n_test}
    if folder is None and is_idx_folder(FASHION):
        return _from_idx(FASHION, "Fashion-MNIST", draw_of, **numbers)
    if folder is None:
        pool = ProceduralPool(seed, SIDE_PX, _RENDERED_CATEGORIES, _N_RENDERED // _RENDERED_CATEGORIES)
        return _from_pool(pool, RENDERED, draw_of, **numbers)
    if is_idx_folder(folder):
        return _from_idx(folder, f"idx files of {folder}", draw_of, **numbers)
    return _from_pool(ImageNetFolderPool(folder, SIDE_PX), f"image files of {folder}", draw_of, **numbers)


def _from_idx(folder: Path, name: str, draw_of: DrawOf, *, n_train: int, n_test: int) -> LabelledImages:
    (images, labels), (tests, test_labels) = (read_idx_folder(folder, part) for part in ("train", "test"))
    if images.shape[1:] != tests.shape[1:]:
        raise ImageError(
            f"{folder}: expected images of one size, found {images.shape[1:]} and {tests.shape[1:]}. "
            "Copy the files again."
        )
    classes = np.unique(np.concatenate([labels, test_labels]))
    side_px, n_values = (images.shape[1], images.shape[2]), images.shape[1] * images.shape[2]
    trained = np.sort(draw_of("train").permutation(len(images))[:n_train])
    train, tests = images[trained].reshape(-1, n_values), tests.reshape(-1, n_values)
    drawn = draw_of("test").permutation(len(tests))
    fresh = drawn[~_among(tests, train)[drawn]]
    tested = np.sort(fresh[:n_test])
    known, others = (
        LabelledExamples(pixels, np.searchsorted(classes, of), len(classes))
        for pixels, of in ((train, labels[trained]), (tests[tested], test_labels[tested]))
    )
    names = tuple(map(str, classes.tolist()))
    return _checked(LabelledImages(name, side_px, names, known, others, len(tests) - len(fresh)), str(folder))


def _from_pool(pool: ImagePool, name: str, draw_of: DrawOf, *, n_train: int, n_test: int) -> LabelledImages:
    images = pool.images()
    names = sorted({image.category for image in images})
    order = draw_of("images").permutation(len(images))
    n_tested = min(n_test, len(images) // _TESTED)
    class_of = {category: place for place, category in enumerate(names)}
    classes = np.array([class_of[image.category] for image in images], dtype=np.int64)
    tested, trained = order[:n_tested], order[n_tested : n_tested + n_train]
    train, test = (_grey(pool, [images[row].image_id for row in rows]) for rows in (trained, tested))
    fresh = ~_among(test, train)
    known, others = (
        LabelledExamples(grey, classes[rows], len(names))
        for grey, rows in ((train, trained), (test[fresh], tested[fresh]))
    )
    side_px = (pool.side_px, pool.side_px)
    return _checked(LabelledImages(name, side_px, tuple(names), known, others, int((~fresh).sum())), name)


def _grey(pool: ImagePool, image_ids: Sequence[str]) -> NDArray[np.uint8]:
    """Return the mean over colours, (n, n_values)."""
    if not image_ids:
        return np.empty((0, pool.side_px**2), dtype=np.uint8)
    coloured = load_images(pool, tuple(image_ids))
    grey: NDArray[np.uint8] = np.rint(coloured.mean(axis=3)).astype(np.uint8)
    return grey.reshape(len(coloured), -1)


def _among(images: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which images have the bytes of one of the others, (n,)."""
    known = {one.tobytes() for one in others}
    return np.array([one.tobytes() in known for one in images], dtype=bool)


def _checked(data: LabelledImages, place: str) -> LabelledImages:
    n_classes, n_values = len(data.classes), data.side_px[0] * data.side_px[1]
    if n_classes < _LEAST_CLASSES or len(data.train.classes) < _LEAST_TRAINED or n_values < _LEAST_VALUES:
        height, width = data.side_px
        raise ImageError(
            f"{place}: expected images of {_LEAST_CLASSES} classes or more, of {_LEAST_VALUES} pixels or more, "
            f"{_LEAST_TRAINED} of them to train on, found {n_classes} classes and {len(data.train.classes)} images of "
            f"{height} x {width} pixels. Name another folder."
        )
    if not len(data.test.classes):
        raise ImageError(
            f"{place}: expected images to test with that are none of those to train on, found {data.n_repeated} that "
            "all are. Name another folder."
        )
    if new := sorted(set(data.test.classes.tolist()) - set(data.train.classes.tolist())):
        raise ImageError(
            f"{place}: expected every class that is tested among the {len(data.train.classes):,} images to train on, "
            f"found none of {', '.join(data.classes[one] for one in new)}. Name another folder, or train on more."
        )
    return data


_LEAST_CLASSES, _LEAST_TRAINED, _LEAST_VALUES = 3, 64, 4  # APGD's ratio of margins compares three scores
