"""Whether a study still lies where its waiting process began: folders are moved, and disks are away for a while."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from closedloop.errors import StudyError
from closedloop.plain_text.printed import command_line
from closedloop.study.process.lock import WAIT_LOCK

_GONE = " (deleted)"  # what Linux says of an open file that has no name any more


def refuse_moved(root: Path, claim: IO[str]) -> None:
    """Stop where another folder, or none, lies at a study's place while its disk is there.

    Parameters
    ----------
    root
        Where the study was.
    claim
        Its open lock file, which goes with it wherever it is moved.

    Raises
    ------
    StudyError
        The study was moved or removed.
    OSError
        Nobody can tell: the disk does not answer.
    """
    held = os.fstat(claim.fileno())
    try:
        found = (root / WAIT_LOCK).stat()
    except FileNotFoundError:
        found = None
    if found is not None and (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino):
        return
    now = _name_of(claim)
    if now is None:
        raise OSError(f"{root} is not there")  # what was mounted there may come back
    way = f"Wait for it there: `{command_line('closedloop', 'run', now, '--wait')}`." if now else "Restore it."
    where = f"it moved to {now}" if now else "it removed"
    raise StudyError(f"{root}: expected the study that this process waits for, found {where}. {way}")


def _name_of(claim: IO[str]) -> Path | str | None:
    """Return the folder that an open file lies in now: empty where it was removed, None where it has its old name."""
    name = str(Path(f"/proc/self/fd/{claim.fileno()}").readlink())
    if name.endswith(_GONE):
        return ""
    return None if name == os.path.realpath(claim.name) else Path(name).parent
