"""What a simulated study goes past by itself, and that it does."""

from __future__ import annotations

from typing import Literal

from closedloop.artifacts.gates.held import held_before
from closedloop.artifacts.study import StudyPaths


def passed_by_itself(paths: StudyPaths, day: int, *, until: Literal["schedule", "present"]) -> list[str]:
    """Return a line for each gate that would have held this step of a study of an animal.

    Parameters
    ----------
    paths
        The study.
    day
        The day that is to be shown.
    until
        Which step.
    """
    held = held_before(paths, day, by_gates=True, until=until)
    return [f"{one.line} A simulated study goes on by itself." for one in held if one.checkpoint != "person"]
