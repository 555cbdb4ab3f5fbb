"""A second subject of the same experiment: what another study was made with, asked for again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from closedloop.artifacts.amended.moved import as_moved
from closedloop.artifacts.amended.protocols import said
from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.catalog import STUDY_INPUTS
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.study import ArrayFiles, StudyPaths
from closedloop.errors import StudyError
from closedloop.plain_text.printed import quoted
from closedloop.storage import resolved
from closedloop.study.create import Request
from closedloop.study.inputs import are_recorded
from closedloop.study.loop import read_identity


def like(request: Request, other: Path) -> Request:
    """Return a request for a study like another one: what it does not say is taken from there.

    That is the protocol as it stands in protocol.yaml (what was amended from a day on is decided anew), the images and
    the base model where they are now, and the recorder's files.

    Parameters
    ----------
    request
        What was asked for; its protocol is empty where none was.
    other
        The folder of the study to be like.

    Raises
    ------
    StudyError
        It is no study, or of the same subject; or its recorder is another maker's, whose description it does not keep.
    """
    paths = StudyPaths(resolved(other))
    made, protocol = read_identity(paths)
    if request.subject == made.subject:
        raise StudyError(
            f"{paths.root}: expected another subject than {made.subject}, found that one again. Give --subject."
        )
    if made.recorder is not None and request.recorder is None:
        raise StudyError(
            f"{paths.root}: expected a Blackrock recorder, found {made.recorder.maker}'s. Give its description by "
            "--recorder again."
        )
    there = as_moved(made, read_amendments(paths.amendments))
    left_out = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0)).left_out if are_recorded(paths) else {}
    its_own = there.base_model != protocol.base_model.weights
    return replace(
        request,
        protocol=request.protocol or str(paths.protocol),
        images=request.images or (Path(there.pool.folder) if there.pool.folder else None),
        base_model=request.base_model or (Path(there.base_model) if its_own else None),
        arrays=request.arrays or _arrays(made.arrays, made.array_files),
        nsx=request.nsx or tuple(suffix.removeprefix(".") for suffix in made.nsx),
        skip_unreadable=request.skip_unreadable or bool(left_out),
    )


def not_taken_over(request: Request, other: Path) -> str:
    """Say in a line what was amended in the study to be like, which the new one does not have; empty where nothing was.

    Parameters
    ----------
    request
        What was asked for, before `like`.
    other
        The folder of the study to be like.
    """
    paths = StudyPaths(resolved(other))
    amended = [line for line in standing(read_amendments(paths.amendments)) if line.kind == "amend_protocol"]
    if request.protocol or not amended:
        return ""
    again = f"closedloop amend {quoted(request.root)} FILE --from-day DAY --why TEXT"
    return (
        f"{paths.protocol}: taken as it is; what was amended there ({'; '.join(map(said, amended))}) is not. "
        f"Where it is to count here too, decide it anew by `{again}`."
    )


def _arrays(names: tuple[str, ...], files: tuple[ArrayFiles, ...]) -> tuple[str, ...]:
    return tuple(f"{one.name}={one.files}" for one in files) if files else names
