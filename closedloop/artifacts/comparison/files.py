"""Two files of the catalog, compared by what the catalog says they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.catalog import CATALOG
from closedloop.artifacts.comparison.values import differing_arrays, differing_columns, differing_documents
from closedloop.artifacts.day.evaluation import INTERVALS, PAIRS, SENSITIVITY, SLOPES
from closedloop.artifacts.files.kinds import ArrayFile, DocumentFile, StudyFile, TableFile
from closedloop.artifacts.records.replay import ReplayedValues
from closedloop.confined.npy import ArrayFileError, map_npy
from closedloop.errors import DocumentError
from closedloop.storage import read_bytes, sha256_file

_KEYS = {
    SLOPES.kind: ("of", "name"),
    INTERVALS.kind: ("epsilon", "estimate", "truth", "image_set", "site", "unit", "over"),
    SENSITIVITY.kind: ("epsilon", "estimate", "truth", "image_set", "site"),
    PAIRS.kind: ("stimulus_id", "kind", "role", "image_id", "neuroid_id", "epsilon"),
}
"""What names a row, where one table may have rows that the other has not."""


def differing_files(
    stage: str, name: str, published: Path, made: Path, *, read_tensors: Callable[[Path], Mapping[str, NDArray[Any]]]
) -> list[ReplayedValues] | None:
    """Compare two files of a stage.

    Parameters
    ----------
    stage, name
        Which file of the catalog they are.
    published, made
        Where they lie.
    read_tensors
        Reads a file of weights: this room opens none.

    Returns
    -------
    list or None
        A part for each place that differs, nothing where the files say the same, None where they are the same bytes.

    Raises
    ------
    DocumentError
        One cannot be read.
    """
    missing = [words for words, path in (("published", made), ("made", published)) if not path.is_file()]
    if missing:
        return [
            ReplayedValues(
                file=name,
                place="",
                n_different=1,
                n_compared=1,
                largest_absolute=None,
                largest_relative=None,
                example=f"{missing[0]} only",
            )
        ]
    if sha256_file(published) == sha256_file(made):
        return None
    file = next((one for one in CATALOG if (one.stage, one.name) == (stage, name)), None)
    if isinstance(file, DocumentFile):
        return differing_documents(name, file.read(published), file.read(made))
    if isinstance(file, TableFile):
        keys = _KEYS.get(file.layout.kind, ())
        return differing_columns(name, file.read(published), file.read(made), keys=keys)
    contents = [_arrays(file, path, read_tensors) for path in (published, made)]
    return differing_arrays(name, contents[0], contents[1])


def _arrays(
    file: StudyFile | None, path: Path, read_tensors: Callable[[Path], Mapping[str, NDArray[Any]]]
) -> Mapping[str, NDArray[Any]]:
    """Return what a file of arrays or tensors holds, by name; of a file of anything else, its bytes."""
    if isinstance(file, ArrayFile):
        return file.read(path)
    if path.suffix == ".npy":
        return {"array": _mapped(path)}
    if path.suffix == ".safetensors":
        return read_tensors(path)
    return {"bytes": np.frombuffer(read_bytes(path), np.uint8)}


def _mapped(path: Path) -> NDArray[Any]:
    try:
        return map_npy(path)
    except (OSError, ArrayFileError) as error:
        raise DocumentError(f"{path}: expected an array of numpy's, found {error}. Restore the file.") from error
