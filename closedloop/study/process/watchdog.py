"""Whether a loop moves, is slow, or stands still: from its stage's note, its lock and its processes' time at work.

A stage on a slow machine says nothing for long, and a step of it is longer than anybody would think: that alone is no
reason to end it. One that says nothing and whose processes do nothing either, all of them, for half an hour, will not
go on by itself: a signal stopped it, it waits for a process that is gone, or for a disk that does not answer.

Times are of a clock that never jumps and stands still while the machine sleeps (`time.monotonic`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from closedloop.artifacts.records.sequence import START, block_of_folder
from closedloop.artifacts.study import START_DAY, StudyPaths
from closedloop.study.process.lock import holder_of
from closedloop.study.process.notes import NOTE_ENDING, ProgressNote, read_note
from closedloop.study.process.tree import ProcessTree, pid_here, read_tree

STUCK_S = 1_800.0
"""For so long nothing may happen before a stage counts as stuck, seconds."""

_IDLE_SHARE = 0.002  # of a processor: a process that waits wakes up now and then, and a cluster's client sends signs
_COUNT_S = 60.0  # over so long: the kernel counts in hundredths of a second
_UNSEEN_S = 300.0  # between two looks: what happened in between nobody knows, and the watch begins anew

Movement = Literal["idle", "moves", "slow", "stuck", "unknown"]


@dataclass(frozen=True)
class Sighting:
    """A loop as a look found it.

    Attributes
    ----------
    at
        When, seconds of a clock that never jumps.
    holder
        host:pid of who holds the study; None where nobody does.
    note
        How far the stage is that moved last; None where none says so.
    tree
        What the holder's processes have used; None where that cannot be seen: it is on another machine.
    """

    at: float
    holder: str | None
    note: ProgressNote | None = None
    tree: ProcessTree | None = None


@dataclass(frozen=True)
class Watched:
    """What is remembered from look to look.

    Attributes
    ----------
    last
        The last look.
    progress_at
        When the note was last seen to be another.
    used_at
        When the processes were last seen to have worked.
    counted_at, counted_s
        Since when their time is counted, and what they had used by then.
    """

    last: Sighting
    progress_at: float
    used_at: float
    counted_at: float
    counted_s: float


@dataclass(frozen=True)
class LoopVerdict:
    """How a loop is.

    Attributes
    ----------
    movement
        "idle": nobody holds the study; "moves"; "slow": its stage says nothing, but its processes work; "stuck": they
        do not work either; "unknown": its stage says nothing, and its processes cannot be seen.
    still_s, unused_s
        For how long its stage has said nothing, and its processes done nothing, seconds.
    why
        What a person is told, in one line; empty of a loop that moves.
    """

    movement: Movement
    still_s: float = 0.0
    unused_s: float = 0.0
    why: str = ""


def watch(before: Watched | None, seen: Sighting) -> Watched:
    """Add a look to what is remembered.

    Parameters
    ----------
    before
        What was; None at the first look.
    seen
        The look.
    """
    used_s = seen.tree.cpu_s if seen.tree else 0.0
    if before is None or before.last.holder != seen.holder or seen.at - before.last.at > _UNSEEN_S:
        return Watched(seen, seen.at, seen.at, seen.at, used_s)
    after = replace(before, last=seen)
    if seen.note != before.last.note:
        after = replace(after, progress_at=seen.at)
    worked_s, over_s = used_s - before.counted_s, seen.at - before.counted_at
    if worked_s > _IDLE_SHARE * max(over_s, _COUNT_S) or worked_s < 0:  # less: one ended, and nobody waited for it
        return replace(after, used_at=seen.at, counted_at=seen.at, counted_s=used_s)
    return after if over_s < _COUNT_S else replace(after, counted_at=seen.at, counted_s=used_s)


def judge(watched: Watched, *, stuck_s: float = STUCK_S) -> LoopVerdict:
    """Say how a loop is.

    Parameters
    ----------
    watched
        What was seen of it so far.
    stuck_s
        For how long nothing may happen, seconds.
    """
    seen = watched.last
    if seen.holder is None:
        return LoopVerdict("idle")
    still_s, unused_s = seen.at - watched.progress_at, seen.at - watched.used_at
    if still_s < stuck_s:
        return LoopVerdict("moves", still_s, unused_s)
    name = _name(seen.note)
    silent = f"{name} of {seen.holder} has said nothing for {still_s / 60:.0f} min"
    if seen.tree is None:
        return LoopVerdict("unknown", still_s, unused_s, f"{silent}; its process cannot be seen from here.")
    if unused_s < stuck_s:
        return LoopVerdict("slow", still_s, unused_s, f"{silent}, and works.")
    stopped = "; a signal stopped it" if seen.tree.is_stopped else ""
    return LoopVerdict(
        "stuck", still_s, unused_s, f"{silent}, and used no processor time for {unused_s / 60:.0f} min{stopped}."
    )


def sight(paths: StudyPaths) -> Sighting:
    """Look at a study's loop; nothing is written."""
    holder = holder_of(paths.root)
    if holder is None:
        return Sighting(time.monotonic(), None)
    pid = pid_here(holder.name)
    return Sighting(time.monotonic(), holder.name, latest_note(paths), None if pid is None else read_tree(pid))


def latest_note(paths: StudyPaths) -> ProgressNote | None:
    """Return the note that was left last; a loop that was killed may have left one that is older."""
    files = [*paths.root.glob(f".*{NOTE_ENDING}"), *paths.root.glob(f"day-*/.*{NOTE_ENDING}")]
    notes = [_read_note(paths, file) for file in files]
    return max((note for note in notes if note is not None), key=lambda note: note.moved, default=None)


def _read_note(paths: StudyPaths, file: Path) -> ProgressNote | None:
    block = block_of_folder(file.parent.name) or START
    return read_note(paths.at(block), block.day, file.name[1 : -len(NOTE_ENDING)])


def _name(note: ProgressNote | None) -> str:
    if note is None:
        return "the loop"
    return note.stage if note.day == START_DAY else f"day {note.day} {note.stage}"
