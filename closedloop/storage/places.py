"""Where a path leads, and where a result may be put: under a new name in a folder that is there."""

from __future__ import annotations

import os
from pathlib import Path

from closedloop.errors import StorageError


def resolved(place: Path) -> Path:
    """Return the absolute path that links lead to; a link that leads to itself stays one, and nothing is there.

    `Path.resolve` ends in a RuntimeError for such a link, before anybody has looked what is there.
    """
    return Path(os.path.realpath(place))


def refuse_no_folder(place: Path, *, option: str = "--out") -> None:
    """Refuse a name in a folder that is not there: nobody is surprised by folders of a misspelled path.

    Parameters
    ----------
    place
        The file or folder to be made.
    option
        What named it.

    Raises
    ------
    StorageError
        There is no such folder.
    """
    around = place.parent
    if around.is_dir():
        return
    if around.exists():
        raise StorageError(f"{option} {place}: expected a name in a folder, found a file, {around}. Correct the path.")
    raise StorageError(
        f"{option} {place}: expected a name in a folder that is there, found no folder {around}. Make it, or "
        "correct the path."
    )
