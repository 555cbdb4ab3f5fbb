"""What `closedloop studies population` is asked for, and what of it cannot be, told before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.studies.places import check_places


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
    check_places(out, workers=workers, study=options.study)
