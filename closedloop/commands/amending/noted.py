"""What a person is told once a decision is noted: where, and how the study goes on."""

from __future__ import annotations

from closedloop.artifacts.study import StudyPaths
from closedloop.plain_text.printed import command_line


def noted(paths: StudyPaths, *, besides: str = "") -> str:
    """Return where a decision stands, and the command that goes on.

    Parameters
    ----------
    paths
        The study.
    besides
        What comes in between, with a blank before it.
    """
    return f"Noted in {paths.amendments}.{besides} {go_on(paths)}"


def go_on(paths: StudyPaths) -> str:
    """Return the sentence with the command that goes on."""
    return f"Go on with `{command_line('closedloop', 'run', paths.root)}`."
