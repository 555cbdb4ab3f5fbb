"""The way into a study."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from closedloop.access.files import published_files
from closedloop.access.study import Study


def open_study(path: str | PathLike[str], *, session: tuple[int, int] | None = None) -> Study:
    """Open a study to analyse it in Python.

    Nothing is written and nothing is locked: the folder may be read-only, and a loop may be working on it.

    Parameters
    ----------
    path
        The study's folder, as given to ``closedloop init`` or ``closedloop dry-run``.
    session
        ``(3, 2)``: day 3 means its second session, from 1, where it had several; by default it means the first. All
        that is a day's, `sensitivity` and `pairs`, is of its sessions together, or up to the one that is given.

    Returns
    -------
    Study
        Tables as DataFrames, images and spikes as arrays, everything else as documents.

    Raises
    ------
    StudyError
        The folder is no study, or it has no such session.

    Examples
    --------
    >>> import closedloop
    >>> study = closedloop.open_study("runs/smoke")
    >>> study.days
    (0,)
    """
    # Path.resolve breaks at a link to itself
    files = published_files(Path(os.path.realpath(Path(path).expanduser())))
    return Study(files if session is None else files.seen_from(*session))
