"""`closedloop history`: what happened to a study, in order."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from closedloop.artifacts.study import StudyPaths
from closedloop.commands.days import as_told
from closedloop.storage import resolved
from closedloop.study.history.entry import StoryEntry
from closedloop.study.history.story import read_story


@dataclass(frozen=True)
class History:
    """A study's story; `damaged` is what could not be read, a line each."""

    study: str
    entries: tuple[StoryEntry, ...]
    damaged: tuple[str, ...]


def read_history(study: Path) -> History:
    """Read a study's story.

    Raises
    ------
    ClosedLoopError
        The folder is no study.
    """
    paths = StudyPaths(resolved(study))
    return History(str(paths.root), *read_story(paths))


def history_as_json(history: History) -> str:
    """Return the story as JSON."""
    return json.dumps(asdict(history, dict_factory=as_told), indent=2)


def history_lines(history: History) -> list[str]:
    """Return the story as text, a line for each thing that happened."""
    lines = [
        f"{entry.utc[:16].replace('T', ' ') or '-':<16}  {entry.day_name:<7}  {entry.sentence}"
        for entry in history.entries
    ]
    return [*lines, *(f"damaged: {line}" for line in history.damaged)]
