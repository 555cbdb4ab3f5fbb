"""What a person is told of gates: what holds a study, and what a simulated one goes past by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from closedloop.artifacts.gates.held import PERSON, Held, held_before
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


def held_lines(root: Path, held: Sequence[Held]) -> Iterator[str]:
    """Yield what holds a study, two lines each: what was found, and what to do."""
    for one in held:
        yield f"Held: {one.line}"
        way = "Release it" if one.gate == PERSON else "Or approve it"
        yield f"  {one.remedy} {way}: `{one.approval(root)}`"
