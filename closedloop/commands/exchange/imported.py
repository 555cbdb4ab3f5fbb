"""`closedloop import responses`: under the study's lock, with what a person is told of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from closedloop.artifacts.amended.words import in_words
from closedloop.artifacts.catalog import IMPORTED_RESPONSES
from closedloop.artifacts.imported.documents import LEFT_OUT, MISSING, ONSETS, SET_ASIDE, ImportedResponses
from closedloop.artifacts.recorder import read_recorder
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.amending.noted import noted
from closedloop.commands.interrupts import interruptible
from closedloop.execution.progress import bar
from closedloop.plain_text.printed import capitalized
from closedloop.stages.imported.taken import ImportRequest
from closedloop.storage import resolved
from closedloop.study.amending.imported import RecordingDayRequest, import_recording_day, import_responses
from closedloop.study.amending.protocol import planned_anew
from closedloop.study.loop import read_identity
from closedloop.study.process.lock import study_lock

_STOPPED: Final = "Stopped; nothing was imported. Run the same command again."
_TOLD: Final = (ONSETS, SET_ASIDE, LEFT_OUT, MISSING)  # of what an import knows, what a person is told at once


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
    with interruptible(_STOPPED), study_lock(paths.root), bar("reading the images") as progress:
        line = import_responses(paths, document, protocol, request, by=by, why=why, progress=progress)
    return _done(paths, line)


def import_day_on_a_terminal(
    study: Path, request: RecordingDayRequest, *, recorder: Path | None, by: str | None, why: str
) -> str:
    """Import a day that another program ran into a study; return what was done, in a line.

    Parameters
    ----------
    study, by, why
        As in `import_on_a_terminal`.
    request
        What to import.
    recorder
        Description of a recorder of another maker; None: the study's.

    Raises
    ------
    ClosedLoopError
        It cannot be imported, or comes too late.
    """
    paths = StudyPaths(resolved(study))
    document, protocol = read_identity(paths)
    if recorder is not None:
        request = replace(request, recorder=read_recorder(recorder))
    with interruptible(_STOPPED), study_lock(paths.root):
        line = import_recording_day(
            paths,
            document,
            protocol,
            request,
            by=by,
            why=why,
            reading=partial(bar, "reading the images"),
            counting=partial(bar, "finding spikes"),
        )
    return _done(paths, line)


def _done(paths: StudyPaths, line: Amendment) -> str:
    imported = IMPORTED_RESPONSES.read(IMPORTED_RESPONSES.published(paths, 0))
    anew = planned_anew(paths, 0, ("images",), remedy="begin a new study")
    return f"{capitalized(in_words(line))}. {_known(imported)} {noted(paths, besides=anew)}"


def _known(imported: ImportedResponses) -> str:
    """Say what is known of the sites' noise, and what is missing."""
    found = sorted(site.reliability for site in imported.sites if site.reliability is not None)
    lines = [f"{capitalized(name)}: {imported.mapping[name]}." for name in _TOLD if name in imported.mapping]
    if not found:
        return " ".join(["No image comes twice: reliability and noise of the sites are unknown.", *lines])
    return " ".join([f"Median reliability of the sites {found[len(found) // 2]:.2f}.", *lines])
