"""How far a stage is, in a small file beside its working folder: for `status`, a page and a watchdog alike.

A note is of no use after a loss of power and is not synced; it goes when the stage is published.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
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
    counting_since, counted_from
        When it began to count what it counts now, and what was done by then: a stage may count one thing after another,
        and find part of it done by an attempt before.
    is_working
        Whether it does its own work; else its inputs are read.
    """

    day: int
    stage: str
    done: int
    total: int
    began: float
    moved: float
    counting_since: float = 0.0
    counted_from: int = 0
    is_working: bool = False


def note_file(paths: StudyPaths, day: int, stage: str) -> Path:
    """Return where the note of a stage lies.

    Parameters
    ----------
    paths, day, stage
        Which stage it is.
    """
    return paths.working(stage, day).with_name(f".{stage}{NOTE_ENDING}")


class Noting:
    """Notes how far a stage is, and tells whoever else hears of it."""

    def __init__(
        self,
        progress: ProgressCallback,
        paths: StudyPaths,
        *,
        day: int,
        stage: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Begin to note.

        Parameters
        ----------
        progress
            Who hears of it.
        paths, day, stage
            Which stage it is.
        now
            The clock, seconds since 1970.
        """
        self._progress, self._now, self._file = progress, now, note_file(paths, day, stage)
        began = now()
        self._note = ProgressNote(day, stage, 0, 0, began, began, counting_since=began)
        self._noted = began
        self._leave()

    def __call__(self, done: int, total: int) -> None:
        """Note how far the stage is, at most every two seconds.

        Parameters
        ----------
        done, total
            As the stage counts.
        """
        at, before = self._now(), self._note
        note = replace(before, done=int(done), total=int(total), moved=at)
        if note.total != before.total or note.done < before.done:
            note = replace(note, counting_since=at, counted_from=note.done)
        self._note = note
        if at - self._noted >= _EVERY_S or at < self._noted:
            self._leave()
        self._progress(done, total)

    def begin_work(self) -> None:
        """Note that the inputs are read: what is counted from now on is the stage's own work."""
        at = self._now()
        self._note = replace(self._note, done=0, total=0, moved=at, counting_since=at, counted_from=0, is_working=True)
        self._leave()

    def _leave(self) -> None:
        self._noted = self._note.moved
        leave_note(self._file, json.dumps(asdict(self._note)).encode())


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
        began, moved = float(held["began"]), float(held["moved"])
        return ProgressNote(
            day,
            stage,
            *counted,
            began,
            moved,
            counting_since=float(held.get("counting_since", began)),
            counted_from=int(held.get("counted_from", 0)),
            is_working=bool(held.get("is_working", False)),
        )
    except (AttributeError, ClosedLoopError, KeyError, TypeError, ValueError):
        return None


def forget_note(paths: StudyPaths, day: int, stage: str) -> None:
    """Remove the note of a stage that is published.

    Parameters
    ----------
    paths, day, stage
        Which stage it is.
    """
    remove_note(note_file(paths, day, stage))
