"""How far a stage is, in a small file beside its working folder: for `status`, a page and a watchdog alike.

A note is of no use after a loss of power and is not synced; it goes when the stage is published.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.execution.progress import ProgressCallback
from closedloop.plain_text.json_text import read_json
from closedloop.storage import leave_note, remove_note

_EVERY_S = 2.0  # at most so often: a note costs less than a millisecond
NOTE_ENDING = ".progress.json"


@dataclass(frozen=True)
class ProgressNote:
    """How far a stage is.

    Attributes
    ----------
    done, total
        As the stage counts them: items, presentations, bytes; total 0 where it has not said so yet.
    began, moved
        When it began, and when it last moved on, seconds since 1970.
    """

    day: int
    stage: str
    done: int
    total: int
    began: float
    moved: float


def note_file(paths: StudyPaths, day: int, stage: str) -> Path:
    """Return where the note of a stage lies.

    Parameters
    ----------
    paths, day, stage
        Which stage it is.
    """
    return paths.working(stage, day).with_name(f".{stage}{NOTE_ENDING}")


def noting(
    progress: ProgressCallback, paths: StudyPaths, *, day: int, stage: str, now: Callable[[], float] = time.time
) -> ProgressCallback:
    """Return a callback that notes how far a stage is, and tells whoever else hears of it.

    Parameters
    ----------
    progress
        Who hears of it.
    paths, day, stage
        Which stage it is.
    now
        The clock, seconds since 1970.
    """
    file, began = note_file(paths, day, stage), now()
    noted = began

    def note(done: int, total: int, at: float) -> None:
        leave_note(file, json.dumps(asdict(ProgressNote(day, stage, done, total, began, at))).encode())

    def advance(done: int, total: int) -> None:
        nonlocal noted
        at = now()
        if at - noted >= _EVERY_S or at < noted:
            noted = at
            note(int(done), int(total), at)
        progress(done, total)

    note(0, 0, began)
    return advance


def read_note(paths: StudyPaths, day: int, stage: str) -> ProgressNote | None:
    """Read how far a stage is; None where nobody said, or half of it.

    Parameters
    ----------
    paths, day, stage
        Which stage it is.
    """
    file = note_file(paths, day, stage)
    if not file.is_file():
        return None
    try:
        held = read_json(file, missing="expected a note, found none.")
        counted = (int(held["done"]), int(held["total"]))
        return ProgressNote(day, stage, *counted, float(held["began"]), float(held["moved"]))
    except (ClosedLoopError, KeyError, TypeError, ValueError):
        return None


def forget_note(paths: StudyPaths, day: int, stage: str) -> None:
    """Remove the note of a stage that is published.

    Parameters
    ----------
    paths, day, stage
        Which stage it is.
    """
    remove_note(note_file(paths, day, stage))
