"""Recordings that somebody accepted though they lack something: the study's amendments say which, and as what."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.study.completeness.looks import SeenFile
from closedloop.study.completeness.recording import recorded


def is_accepted(paths: StudyPaths, day: int, files: Sequence[SeenFile]) -> bool:
    """Return whether somebody accepted a day's recording as these files are.

    Parameters
    ----------
    paths
        The study.
    day
        Which day's recording.
    files
        What lies there.
    """
    now = state_of(files)
    return any((one.day, one.block) == paths.block(day) and one.after == now for one in _acceptances(paths))


def accepted_sessions(paths: StudyPaths) -> frozenset[Block]:
    """Return the sessions whose recording was accepted though it lacks something."""
    return frozenset(Block(one.day, one.block) for one in _acceptances(paths) if one.day is not None)


def state_of(files: Sequence[SeenFile]) -> dict[str, str]:
    """Return the recorder's files as an acceptance names them: one that goes on growing is another."""
    names = set(recorded(files))
    return {file.name: f"{file.n_bytes} bytes" for file in files if file.name in names}


def _acceptances(paths: StudyPaths) -> list[Amendment]:
    return [one for one in read_amendments(paths.amendments) if one.kind == "accept_recording"]
