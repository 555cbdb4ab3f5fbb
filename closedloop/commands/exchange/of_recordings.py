"""`closedloop export responses` and `brainscore`: a study's recordings, written once all that was asked is checked."""

from __future__ import annotations

from pathlib import Path

from closedloop.access.opening import open_study
from closedloop.access.study import Study
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.commands.interrupts import interruptible
from closedloop.exchange.responses.export import export_responses
from closedloop.exchange.responses.places import refuse_other_study, responses_files
from closedloop.execution.progress import bar

_STOPPED = "Stopped; nothing is left half-written. Run the same command again."


def write_responses(study: Path, out: Path, *, day: int | None, wanted: str | None) -> list[str]:
    """Export responses; return what to tell the user.

    Parameters
    ----------
    study
        Its folder.
    out
        File or folder.
    day
        One day, or all.
    wanted
        The format, where it was named.

    Raises
    ------
    ClosedLoopError
        There is no such study, day or place.
    """
    opened, files = open_study(study), responses_files(out, wanted)
    refuse_other_study(files, study_id=_id_of(opened))
    with interruptible(_STOPPED):
        return export_responses(opened, files, day=day)


def write_assembly(study: Path, out: Path, *, day: int | None) -> list[str]:
    """Export a stimulus set and an assembly; return what to tell the user.

    Parameters
    ----------
    study
        Its folder.
    out
        Folder to create.
    day
        One day, or all.

    Raises
    ------
    ClosedLoopError
        There is no such study, day or place.
    """
    from closedloop.exchange.brain_score.export import check_assembly_folder, export_assembly  # noqa: PLC0415 - xarray

    opened = open_study(study)
    check_assembly_folder(out, study_id=_id_of(opened))
    with interruptible(_STOPPED), bar("writing the images") as progress:
        return export_assembly(opened, out, day=day, progress=progress)


def _id_of(study: Study) -> str:
    return StudyDocument.read(StudyPaths(study.path).study).study_id
