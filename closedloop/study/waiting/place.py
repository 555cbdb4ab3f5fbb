"""Whether a study still lies where its waiting process began: folders are moved, and disks are away for a while."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError, StudyError
from closedloop.plain_text.printed import command_line

_GONE = " (deleted)"  # what Linux says of an open file that has no name any more


def study_id_of(paths: StudyPaths) -> str:
    """Return which study lies at a place; empty where that cannot be read."""
    try:
        return StudyDocument.read(paths.study).study_id
    except (ClosedLoopError, OSError):
        return ""


def refuse_other_study(paths: StudyPaths, study_id: str) -> None:
    """Stop where another study lies at a study's place: somebody put it there, and nobody asked to go on with it.

    Raises
    ------
    StudyError
        It is another one. Where none can be read, whoever needs it says so.
    """
    found = study_id_of(paths)
    if study_id and found and found != study_id:
        raise StudyError(
            f"{paths.root}: expected the study that this process began with ({study_id}), found another one in its "
            f"place ({found}). Put the right one there; to go on with the other one, end this process and start it "
            "again."
        )


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
    name = str(Path(f"/proc/self/fd/{claim.fileno()}").readlink())
    is_there = StudyPaths(root).study.exists()
    if name.endswith(_GONE) and not is_there:
        raise StudyError(f"{root}: expected the study that this process waits for, found it removed. Restore it.")
    if name not in (os.path.realpath(claim.name), f"{claim.name}{_GONE}") and Path(name).exists():
        now = Path(name).parent
        raise StudyError(
            f"{root}: expected the study that this process waits for, found it moved to {now}. "
            f"Wait for it there: `{command_line('closedloop', 'run', now, '--wait')}`."
        )
    if not is_there:
        raise OSError(f"{root} is not there")  # what was mounted there may come back
