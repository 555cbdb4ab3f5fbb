"""Where a study's results go, who computes them, and the study they are of: refused here where they cannot be."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from closedloop.errors import StorageError, StudyError
from closedloop.execution.found import find_workers
from closedloop.storage import folder_held_alone
from closedloop.storage.places import refuse_no_folder


def check_places(out: Path, *, workers: str | None, study: Path | None = None) -> None:
    """Refuse what cannot be, without torch and before anything is made.

    Parameters
    ----------
    out
        Folder for the results.
    workers
        As ``--workers`` takes it; None for this machine.
    study
        Folder of a study, where one was given.

    Raises
    ------
    StudyError
        The folder is no study.
    ExecutionError, OptionError
        The workers cannot be had.
    StorageError
        `out` is no place for results.
    """
    if study is not None and not (study / "study.json").is_file():
        raise StudyError(f"--study {study}: expected a study folder, found no study.json. Correct the path.")
    if workers is not None:
        find_workers(workers)
    refuse_no_folder(out)
    if out.exists() and not out.is_dir():
        raise StorageError(f"--out {out}: expected a folder, found a file. Choose another name.")


def alone_in(out: Path) -> AbstractContextManager[None]:
    """Keep every other command out of the folder for results: two would mix their tables on one page.

    Raises
    ------
    StorageError
        Another command writes into it, or it cannot be made.
    """
    found = "found another command at work. Wait for its end, or choose another name."
    return folder_held_alone(out, refusal=StorageError(f"--out {out}: expected a folder of its own, {found}"))
