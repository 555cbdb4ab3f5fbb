"""How far the stage is that was begun, and how long it and the rest of the day still take: for people and programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from closedloop.artifacts.records.sequence import Block, readable_sequence
from closedloop.artifacts.study import START_DAY, StudyPaths
from closedloop.plain_text.printed import in_words
from closedloop.study.ledger import StageRecord
from closedloop.study.process.notes import read_note
from closedloop.study.process.running import RunningStage
from closedloop.study.process.time_left import StageTimeLeft, day_left


@dataclass(frozen=True)
class StageProgress:
    """How far the stage is that was begun.

    Attributes
    ----------
    done, total
        As the stage counts, in units of its own; None where it has said nothing.
    time_left_s
        How long it still takes; None where nobody can know, or nobody works on it.
    day_time_left_s
        How long until a person is needed or the day ends; None where one of its stages is unknown.
    to_come
        The stages of the day after it until then, each with the time it takes.
    block
        Which of the day's sessions.
    """

    day: int
    stage: str
    done: int | None
    total: int | None
    time_left_s: float | None = None
    day_time_left_s: float | None = None
    to_come: tuple[StageTimeLeft, ...] = ()
    block: int = 1

    def line(self) -> str:
        """Return what a person is told of the time, in one line; empty where nothing is known."""
        if self.time_left_s is None and all(one.left_s is None for one in self.to_come):
            return ""
        stages = ", ".join(f"{one.stage} {_words(one.left_s)}" for one in self.to_come)
        day = "the start" if self.day == START_DAY else Block(self.day, self.block).said
        then = f", then {stages}" if stages else ""
        whole = f"; {_words(self.day_time_left_s)} in all" if stages and self.day_time_left_s is not None else ""
        return f"time left on {day}: {self.stage} {_words(self.time_left_s)}{then}{whole}"


def progress_of(
    paths: StudyPaths,
    records: Sequence[StageRecord],
    running: RunningStage | None,
    *,
    n_days: int | None,
    simulated: bool,
    now: Callable[[], float] = time.time,
) -> StageProgress | None:
    """Return how far the stage is that was begun; None where none was.

    Parameters
    ----------
    paths, records
        The study, and its ledger's rows.
    running
        The stage.
    n_days
        How many days the study has; None where that cannot be read.
    simulated
        Whether nobody is needed.
    now
        The clock, seconds since 1970.
    """
    if running is None:
        return None
    day, stage = running.day, running.stage
    if running.state == "stopped":
        return StageProgress(day, stage, running.done, running.total, block=running.block)
    block = Block(day, running.block)
    following = None if n_days is None else readable_sequence(paths.root).after(block, n_days)
    left = day_left(
        records,
        read_note(paths.at(block), day, stage),
        day=day,
        stage=stage,
        now=now(),
        is_last_day=n_days is not None and following is None,
        simulated=simulated,
        is_followed=following is not None and following.day == day,
    )
    times = left.running.left_s, left.left_s, left.to_come
    return StageProgress(day, stage, running.done, running.total, *times, block=running.block)


def _words(seconds: float | None) -> str:
    return "for a time unknown" if seconds is None else f"about {in_words(seconds)}"
