"""`closedloop add-images`: more images for days to come."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.amended.words import in_words
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.amending.noted import noted
from closedloop.commands.interrupts import interruptible
from closedloop.execution.progress import bar
from closedloop.plain_text.printed import capitalized
from closedloop.storage import resolved
from closedloop.study.amending.images import add_images
from closedloop.study.amending.protocol import planned_anew
from closedloop.study.loop import read_identity
from closedloop.study.process.lock import study_lock


def add_to_list(study: Path, *, from_day: int | None, skip_unreadable: bool, by: str | None, why: str) -> str:
    """Add the images that are new in the study's folder.

    Parameters
    ----------
    study
        Study folder.
    from_day
        The first day that draws from them; None: the first that has not begun.
    skip_unreadable
        Whether images that cannot be shown are left out.
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
        There is nothing to add, or it comes too late.
    """
    paths = StudyPaths(resolved(study))
    document, protocol = read_identity(paths)
    stopped = "Stopped; nothing was added. Run the same command again."
    with interruptible(stopped), study_lock(paths.root), bar("reading the new images") as progress:
        line = add_images(
            paths,
            document,
            protocol,
            from_day=from_day,
            skip_unreadable=skip_unreadable,
            by=by,
            why=why,
            progress=progress,
        )
    anew = planned_anew(paths, line.day or 0, ("images",), remedy="take this back")
    return f"{capitalized(in_words(line))}. {noted(paths, besides=anew)}"
