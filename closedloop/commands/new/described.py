"""What `closedloop init` is told of animal, arrays and people: the metadata that `closedloop new` asks for."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.records.metadata import read_told
from closedloop.artifacts.study import METADATA_NAME
from closedloop.errors import DocumentError


def metadata_beside(told: Path | None, *, subject: str, n_arrays: int) -> dict[str, bytes]:
    """Return the study's metadata.json, by its name; nothing where nobody told.

    Parameters
    ----------
    told
        A file of YAML; None where none was given.
    subject
        The animal's name.
    n_arrays
        How many arrays the study is made with; 0 where only the recording tells.

    Raises
    ------
    DocumentError
        The file is missing or lacks something, or is of other arrays.
    """
    if told is None:
        return {}
    found = read_told(told, subject=subject, simulated=False)
    if n_arrays and len(found.arrays) != n_arrays:
        raise DocumentError(
            f"{told}: arrays: expected the {n_arrays} arrays of --array, in their order, found {len(found.arrays)}. "
            "Correct one of the two."
        )
    return {METADATA_NAME: found.to_bytes()}
