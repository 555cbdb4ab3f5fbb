"""What `closedloop studies population` is asked for, and what of it cannot be, told before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import StorageError, StudyError
from closedloop.execution.found import find_workers
from closedloop.storage.places import refuse_no_folder


@dataclass(frozen=True)
class PopulationOptions:
    """The options as given on the command line.

    Attributes
    ----------
    study
        A study's folder; None to have a simulated one made.
    truth
        Whether the hidden cortex of a simulated study is asked too.
    seed
        Of folds, shuffles and random starts.
    """

    study: Path | None
    truth: bool
    seed: int


def check_options(options: PopulationOptions, out: Path, *, workers: str | None) -> None:
    """Refuse what cannot be, without torch.

    Parameters
    ----------
    options
        What was asked for.
    out
        Folder for the results.
    workers
        As ``--workers`` takes it; None for this machine.

    Raises
    ------
    StudyError
        The folder is no study.
    ExecutionError, OptionError
        The workers cannot be had.
    StorageError
        `out` is no place for results.
    """
    if options.study is not None and not (options.study / "study.json").is_file():
        raise StudyError(f"--study {options.study}: expected a study folder, found no study.json. Correct the path.")
    if workers is not None:
        find_workers(workers)
    refuse_no_folder(out)
    if out.exists() and not out.is_dir():
        raise StorageError(f"--out {out}: expected a folder, found a file. Choose another name.")
