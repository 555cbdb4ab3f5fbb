"""What `closedloop base-model` is asked for, and what of it cannot be, told without torch and before any work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from closedloop.artifacts.protocol.images import ArchitectureName
from closedloop.attacks.epsilons import MOST_EPSILON
from closedloop.errors import ImageError, OptionError, StorageError
from closedloop.execution.found import find_workers
from closedloop.models.shipped import shipped_names
from closedloop.models.weight_headers import SAFETENSORS, refuse_no_weights
from closedloop.plain_text.suggestions import one_of
from closedloop.stimuli.folders import open_folder_pool
from closedloop.storage.places import refuse_no_folder


@dataclass(frozen=True)
class RecipeOptions:
    """Whose recipe a training follows, and what of it the command line replaces; None keeps the recipe's.

    Attributes
    ----------
    name
        The recipe, by the name of its shipped weights.
    images
        Folder of category folders; None for the computed images of the shipped weights.
    epochs, images_per_epoch
        Length of the training.
    seed
        Of the training.
    """

    name: str
    images: Path | None
    epochs: int | None
    images_per_epoch: int | None
    seed: int | None


def check_training(out: Path, asked: RecipeOptions, *, epsilon: float | None) -> None:
    """Refuse what cannot be trained, or not be written after minutes of it.

    Parameters
    ----------
    out
        The file to write.
    asked
        How to train.
    epsilon
        Size of the attacks; None for the recipe's.

    Raises
    ------
    OptionError
        No recipe has this name, `out` no name of a weight file, or there is no such epsilon.
    ImageError
        The images have no categories.
    StorageError
        `out` is no place for a file.
    """
    _check_recipe(asked)
    if epsilon is not None:
        _check_epsilon(epsilon, option="--epsilon")
    check_out(out, option="OUT")


def check_family(out: Path, asked: RecipeOptions, *, epsilons: str, workers: str | None) -> tuple[float, ...]:
    """Refuse a family that cannot be trained, and return its epsilons, ascending.

    Parameters
    ----------
    out
        Folder for the weight files.
    asked
        How to train.
    epsilons
        As ``--epsilons`` takes them.
    workers
        As ``--workers`` takes it; None for this machine.

    Raises
    ------
    OptionError
        No recipe has this name, or an epsilon is none.
    ImageError
        The images have no categories.
    ExecutionError
        The workers cannot be had.
    StorageError
        `out` is no place for files.
    """
    sizes = tuple(sorted({_parsed_epsilon(word) for word in epsilons.split(",")}))
    _check_recipe(asked)
    if workers is not None:
        find_workers(workers)
    refuse_no_folder(out)
    if out.exists() and not out.is_dir():
        raise StorageError(f"--out {out}: expected a folder, found a file. Choose another name.")
    return sizes


def check_import(file: Path, out: Path, *, architecture: str | None, labelled_images: Path | None) -> None:
    """Refuse what cannot be imported.

    Parameters
    ----------
    file, out
        The checkpoint, and the file to write.
    architecture, labelled_images
        As the command has them.

    Raises
    ------
    OptionError
        A value is none that the option takes.
    CheckpointError
        `file` is none of weights.
    ImageError
        There is no such folder of images.
    StorageError
        `out` is no place for a file.
    """
    if architecture is not None:
        one_of(get_args(ArchitectureName), architecture, option="--architecture")
    check_out(out, option="--out")
    refuse_no_weights(file)
    if labelled_images is not None and not labelled_images.is_dir():
        raise ImageError(
            f"{labelled_images}: no such image folder. Give a folder with a folder of images for each class."
        )


def check_out(out: Path, *, option: str) -> None:
    """Refuse what is no place for a file of safetensors.

    Raises
    ------
    OptionError, StorageError
        It is none.
    """
    if out.is_dir():
        raise StorageError(f"{option} {out}: expected a file, found a folder. Name a file in it.")
    if out.suffix != SAFETENSORS:
        raise OptionError(
            f"{option} {out}: expected a name that ends in {SAFETENSORS}, which says how to read the file, found "
            f"{out.suffix or 'no suffix'}. Correct it."
        )
    refuse_no_folder(out, option=option)


def _check_recipe(asked: RecipeOptions) -> None:
    one_of(shipped_names(), asked.name, option="--name")
    if asked.images is None:
        return
    pool = open_folder_pool(asked.images, _ANY_SIDE_PX)
    n_categories = len({image.category for image in pool.images()})
    if n_categories < _LEAST_CATEGORIES:
        raise ImageError(
            f"{asked.images}: expected a folder of images for each of two or more categories, found {n_categories}. "
            "Sort the images into folders."
        )


def _parsed_epsilon(word: str) -> float:
    try:
        epsilon = float(word)
    except ValueError:
        epsilon = math.nan
    return _check_epsilon(epsilon, option=f"--epsilons {word.strip()[:_MOST_SHOWN]}")


def _check_epsilon(epsilon: float, *, option: str) -> float:
    if not 0 <= epsilon <= MOST_EPSILON:
        raise OptionError(
            f"{option}: expected a number from 0 (no attacks) to {MOST_EPSILON:.4g} (a black image to a white one), "
            f"found {epsilon:g}. Correct it."
        )
    return epsilon


_ANY_SIDE_PX = 8
_LEAST_CATEGORIES = 2
_MOST_SHOWN = 40  # characters of a word that is no number
