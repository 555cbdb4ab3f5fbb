"""`closedloop import responses`: under the study's lock, with what a person is told of it."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.amended.words import in_words
from closedloop.artifacts.catalog import IMPORTED_RESPONSES
from closedloop.artifacts.imported.documents import LEFT_OUT, MISSING, ImportedResponses
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.amending.noted import noted
from closedloop.commands.interrupts import interruptible
from closedloop.execution.progress import bar
from closedloop.plain_text.printed import capitalized
from closedloop.stages.imported.taken import ImportRequest
from closedloop.storage import resolved
from closedloop.study.amending.imported import import_responses
from closedloop.study.amending.protocol import planned_anew
from closedloop.study.loop import read_identity
from closedloop.study.process.lock import study_lock


def import_on_a_terminal(study: Path, request: ImportRequest, *, by: str | None, why: str) -> str:
    """Import responses into a study; return what was done, in a line.

    Parameters
    ----------
    study
        Its folder.
    request
        What to import.
    by
        Who decides; None: the name of the account.
    why
        The reason.

    Raises
    ------
    ClosedLoopError
        They cannot be imported, or it comes too late.
    """
    paths = StudyPaths(resolved(study))
    document, protocol = read_identity(paths)
    stopped = "Stopped; nothing was imported. Run the same command again."
    with interruptible(stopped), study_lock(paths.root), bar("reading the images") as progress:
        line = import_responses(paths, document, protocol, request, by=by, why=why, progress=progress)
    imported = IMPORTED_RESPONSES.read(IMPORTED_RESPONSES.published(paths, 0))
    anew = planned_anew(paths, 0, ("images",), remedy="begin a new study")
    return f"{capitalized(in_words(line))}. {_known(imported)} {noted(paths, besides=anew)}"


def _known(imported: ImportedResponses) -> str:
    """Say what is known of the sites' noise, and what is missing."""
    found = sorted(site.reliability for site in imported.sites if site.reliability is not None)
    lines = [
        f"{capitalized(name)}: {imported.mapping[name]}." for name in (LEFT_OUT, MISSING) if name in imported.mapping
    ]
    if not found:
        return " ".join(["No image comes twice: reliability and noise of the sites are unknown.", *lines])
    return " ".join([f"Median reliability of the sites {found[len(found) // 2]:.2f}.", *lines])
