"""What `closedloop studies recipe` is asked for, and what of it cannot be, told before anything is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop.errors import StorageError
from closedloop.execution.found import find_workers
from closedloop.models.shipped import weights_file
from closedloop.models.weight_headers import refuse_no_weights
from closedloop.storage.places import refuse_no_folder
from closedloop.studies.recipe.recipes import read_recipe


def check_options(recipes: Sequence[str], out: Path, *, workers: str | None) -> None:
    """Refuse what cannot be, without torch.

    Parameters
    ----------
    recipes
        Names or files.
    out
        Folder for the results.
    workers
        As ``--workers`` takes it; None for this machine.

    Raises
    ------
    ProtocolError, CheckpointError
        A recipe is none, or names weights that are none.
    ExecutionError, OptionError
        The workers cannot be had.
    StorageError
        `out` is no place for results.
    """
    for recipe in map(read_recipe, recipes):
        for member in recipe.members:
            refuse_no_weights(weights_file(member.weights))
    if workers is not None:
        find_workers(workers)
    refuse_no_folder(out)
    if out.exists() and not out.is_dir():
        raise StorageError(f"--out {out}: expected a folder, found a file. Choose another name.")
