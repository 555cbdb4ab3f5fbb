"""Where a result may be put: under a new name in a folder that is there."""

from __future__ import annotations

from pathlib import Path

from closedloop.errors import StorageError


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
