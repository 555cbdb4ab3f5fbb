"""Finished work on disk: one file a shard, named by what it was computed from, so that a killed run resumes."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import DocumentError
from closedloop.storage import atomic_file

Arrays = dict[str, NDArray[Any]]


def load_shard(path: Path, *, names: tuple[str, ...]) -> Arrays | None:
    """Arrays of a finished shard, or None where it has not been computed yet.

    Parameters
    ----------
    path
        The shard's file.
    names
        Arrays it must hold.

    Raises
    ------
    DocumentError
        The file is there but is not a shard of these arrays.
    """
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DocumentError(
            f"{path}: expected a shard of attacked images, found {type(error).__name__}. "
            "Delete the file and run again: it is computed anew."
        ) from error


def save_shard(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Publish a finished shard: it is there whole, or not at all.

    Raises
    ------
    StorageError
        The disk is full or the folder cannot be written.
    """
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
