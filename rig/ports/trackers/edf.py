"""EyeLink's own file of a launch: its name on the tracker's disk, and how it comes into the session's folder."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Protocol

from closedloop.errors import DeviceError
from closedloop.storage import remove_file
from closedloop.terminal.streams import kept_still
from rig.ports.trackers.tracker import said

_DIGITS = string.digits + string.ascii_uppercase
_N_DIGITS = 7  # with the letter before them eight: a name of DOS


class SendsFiles(Protocol):
    """What can bring a file from the tracker's disk."""

    def receiveDataFile(self, src: str, dest: str) -> object:  # noqa: N802 - pylink's name
        """Copy a file; its size is returned, but believed only when the file is there."""
        ...


def edf_name(unix_s: float) -> str:
    """Return a name for a file that is opened now: no two of a tracker are alike that were opened in other seconds.

    EyeLink takes at most eight capital letters and digits, and writes over a file of the same name without a word.
    """
    number, digits = int(unix_s), ""
    for _ in range(_N_DIGITS):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return f"C{digits}.EDF"


def receive(link: SendsFiles, name: str, folder: Path) -> Path:
    """Bring a file from the tracker's disk.

    Parameters
    ----------
    link
        To the tracker.
    name
        On the tracker's disk.
    folder
        Where it goes, under the same name.

    Raises
    ------
    DeviceError
        It did not come, or came empty, and is still on the tracker's disk. An empty one is not kept.
    """
    target, found = folder / name, ""
    try:
        with kept_still():  # it says how far it is
            link.receiveDataFile(name, str(target))
    except Exception as error:  # noqa: BLE001 - whatever the library raises
        found = said(error)
    if not found and target.is_file() and target.stat().st_size > 0:
        return target
    if target.is_file() and target.stat().st_size == 0:
        remove_file(target)
        found = found or "an empty one"
    found = found or "none, though the tracker said that it sent it"
    raise DeviceError(
        f"{target}: expected the tracker's file of this launch, found {found}. It is on the disk of EyeLink's computer "
        f"as {name}: copy it from there."
    )
