"""Finished attacks on disk: one file a shard, read and written whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from closedloop.confined.npy import ArrayFileError, read_npz
from closedloop.errors import DocumentError
from closedloop.storage.arrays import save_arrays

Arrays = dict[str, NDArray[Any]]


def read_shard(path: Path, *, names: tuple[str, ...]) -> Arrays:
    """Read the arrays of a finished shard.

    Parameters
    ----------
    path
        The shard's file.
    names
        Arrays it must hold.

    Raises
    ------
    DocumentError
        The file is not a shard of these arrays.
    """
    try:
        return read_npz(path, names)
    except (OSError, ArrayFileError) as error:
        raise DocumentError(
            f"{path}: expected a shard of attacked images, found {error}. "
            "Delete the file and run again: it is computed anew."
        ) from error


def write_shard(arrays: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write a shard's file (through `execution.shards.made_once`)."""
    save_arrays(path, arrays)
