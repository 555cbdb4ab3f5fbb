"""The way into a study."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from closedloop.access.files import published_files
from closedloop.access.study import Study


def open_study(path: str | PathLike[str]) -> Study:
    """Open a study to analyse it in Python.

    Nothing is written and nothing is locked: the folder may be read-only, and a loop may be working on it.

    Parameters
    ----------
    path
        The study's folder, as given to ``closedloop init`` or ``closedloop dry-run``.

    Returns
    -------
    Study
        Tables as DataFrames, images and spikes as arrays, everything else as documents.

    Raises
    ------
    StudyError
        The folder is no study.

    Examples
    --------
    >>> import closedloop
    >>> study = closedloop.open_study("runs/smoke")
    >>> study.days
    (0,)
    """
    # Path.resolve breaks at a link to itself
    return Study(published_files(Path(os.path.realpath(Path(path).expanduser()))))
