"""Finished attacks on disk: one file a shard, read and written whole."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import DocumentError

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
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DocumentError(
            f"{path}: expected a shard of attacked images, found {type(error).__name__}. "
            "Delete the file and run again: it is computed anew."
        ) from error


def write_shard(arrays: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write a shard's file (through `execution.shards.made_once`)."""
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
