"""What `closedloop base-model` is asked for, and what of it cannot be, told without torch and before any work."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from closedloop.artifacts.protocol.images import ArchitectureName
from closedloop.errors import ImageError, OptionError, StorageError
from closedloop.models.shipped import shipped_names
from closedloop.models.weight_headers import SAFETENSORS, refuse_no_weights
from closedloop.plain_text.suggestions import one_of
from closedloop.storage.places import refuse_no_folder


def check_training(out: Path, *, name: str) -> None:
    """Refuse what cannot be trained, or not be written after minutes of it.

    Raises
    ------
    OptionError
        No recipe has this name, or `out` no name of a weight file.
    StorageError
        `out` is no place for a file.
    """
    one_of(shipped_names(), name, option="--name")
    _check_out(out, option="OUT")


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
    _check_out(out, option="--out")
    refuse_no_weights(file)
    if labelled_images is not None and not labelled_images.is_dir():
        raise ImageError(
            f"{labelled_images}: no such image folder. Give a folder with a folder of images for each class."
        )


def _check_out(out: Path, *, option: str) -> None:
    if out.is_dir():
        raise StorageError(f"{option} {out}: expected a file, found a folder. Name a file in it.")
    if out.suffix != SAFETENSORS:
        raise OptionError(
            f"{option} {out}: expected a name that ends in {SAFETENSORS}, which says how to read the file, found "
            f"{out.suffix or 'no suffix'}. Correct it."
        )
    refuse_no_folder(out, option=option)
