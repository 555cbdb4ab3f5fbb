"""`closedloop move`: where the images and the base model are now."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.amended.moved import said
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.amending.noted import noted
from closedloop.commands.interrupts import interruptible
from closedloop.execution.progress import bar
from closedloop.plain_text.printed import capitalized
from closedloop.storage import resolved
from closedloop.study.amending.moving import move
from closedloop.study.loop import read_identity


def move_study(study: Path, *, images: Path | None, base_model: Path | None, by: str | None, why: str) -> str:
    """Note where the images or the base model are now.

    Parameters
    ----------
    study
        Study folder.
    images, base_model
        Where they are; None where that is where they were.
    by
        Who decides; None: the name of the account.
    why
        The reason.

    Returns
    -------
    str
        What was done, in a line.

    Raises
    ------
    ClosedLoopError
        They are not what they were, byte for byte.
    """
    paths = StudyPaths(resolved(study))
    document, _ = read_identity(paths)
    stopped = "Stopped; nothing was noted. Run the same command again."
    with interruptible(stopped), bar("comparing the images") as progress:
        line = move(paths, document, images=images, base_model=base_model, by=by, why=why, progress=progress)
    return f"{capitalized(said(line))}: the same, byte for byte. {noted(paths)}"
