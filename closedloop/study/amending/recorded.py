"""Which days an animal has seen: what decides them stays as it was."""

from __future__ import annotations

from closedloop.artifacts.gates.held import is_shown
from closedloop.artifacts.study import BROUGHT, StudyPaths


def recorded_days(paths: StudyPaths) -> list[int]:
    """Return the days of which a person has brought something, sealed or not: an animal has seen their sessions."""
    brought = {
        file.parents[1].name for stage in BROUGHT for file in paths.root.glob(f"day-*/{stage}/*") if file.name[0] != "."
    }
    return sorted(int(name.removeprefix("day-")) for name in brought)


def begun_days(paths: StudyPaths, n_days: int) -> list[int]:
    """Return the days that are recorded, or whose session has begun to be shown, ascending.

    Parameters
    ----------
    paths
        The study.
    n_days
        Days of its protocol.
    """
    return sorted({*recorded_days(paths), *(day for day in range(n_days) if is_shown(paths, day))})
