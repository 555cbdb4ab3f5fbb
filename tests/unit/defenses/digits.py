"""Small labelled images for classifiers: scikit-learn's digits, 1,797 of 8 x 8, and idx files of them."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from closedloop.defenses.classifier import Classifier
from closedloop.defenses.descent import DescentSettings
from closedloop.defenses.fitting import ClassifierRecipe, LabelledExamples, fit_classifier

N_TRAIN = 1500


@cache
def digits() -> tuple[LabelledExamples, LabelledExamples]:
    """To train on, and to test with."""
    data = load_digits()
    images = np.rint(data.data * (255 / 16)).astype(np.uint8)
    classes = data.target.astype(np.int64)
    return LabelledExamples(images[:N_TRAIN], classes[:N_TRAIN], 10), LabelledExamples(
        images[N_TRAIN:], classes[N_TRAIN:], 10
    )


@cache
def trained_classifier() -> Classifier:
    """A classifier of the digits, in evaluation mode."""
    recipe = ClassifierRecipe(DescentSettings(epochs=12, learning_rate=0.02, batch_size=64))
    return fit_classifier(recipe, digits()[0]).requires_grad_(requires_grad=False)


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    """Write an idx file, gzipped where its name ends so."""
    head = bytes((0, 0, 8, values.ndim)) + b"".join(length.to_bytes(4, "big") for length in values.shape)
    content = head + values.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_digits(folder: Path) -> Path:
    """Write the digits as idx files under MNIST's names."""
    folder.mkdir()
    for part, begins in zip(digits(), ("train", "t10k"), strict=True):
        write_idx(folder / f"{begins}-images-idx3-ubyte.gz", part.images.reshape(-1, 8, 8))
        write_idx(folder / f"{begins}-labels-idx1-ubyte", part.classes.astype(np.uint8))
    return folder
