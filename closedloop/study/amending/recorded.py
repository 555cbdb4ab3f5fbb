"""Which sessions an animal has seen: what decides them stays as it was."""

from __future__ import annotations

from closedloop.artifacts.gates.held import is_shown
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import BROUGHT, StudyPaths


def is_sealed(paths: StudyPaths, stage: str, day: int) -> bool:
    """Return whether a stage of a day's session is done, and a decision has to leave it as it is.

    Parameters
    ----------
    paths
        The study, seen from the session.
    stage, day
        Which.
    """
    return (paths.folder(stage, day) / MANIFEST_NAME).is_file()


def recorded_sessions(paths: StudyPaths) -> list[Block]:
    """Return the sessions of which a person has brought something, sealed or not: an animal has seen them."""
    brought = {
        file.parents[1].name for stage in BROUGHT for file in paths.root.glob(f"day-*/{stage}/*") if file.name[0] != "."
    }
    return [block for block in paths.found() if block.folder_name in brought]


def begun_days(paths: StudyPaths, n_days: int) -> list[int]:
    """Return the days that are recorded, or whose session has begun to be shown, ascending.

    Parameters
    ----------
    paths
        The study.
    n_days
        Days of its protocol.
    """
    shown = (one.day for one in paths.found() if one.day < n_days and is_shown(paths.at(one), one.day))
    return sorted({*(one.day for one in recorded_sessions(paths)), *shown})
