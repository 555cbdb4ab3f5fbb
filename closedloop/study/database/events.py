"""What happened to a study's stages, event by event, as its ledger has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.study.database.copies import open_copy


@dataclass(frozen=True)
class StageEvent:
    """One event of the ledger.

    Attributes
    ----------
    number
        In the order in which they were written.
    time
        Seconds since 1970.
    owner
        The process that wrote it, host:pid.
    day
        Recording day, -1 for the study's start; None where it is about no day.
    event
        running, done, failed, waiting, stale, or protocol.
    detail
        Why, in one line.
    """

    number: int
    time: float
    owner: str
    day: int | None
    stage: str
    event: str
    detail: str


def read_events(path: Path, *, most: int) -> tuple[StageEvent, ...]:
    """Read the last events of a ledger, the oldest of them first; nothing is written beside it.

    Parameters
    ----------
    path
        The ledger.
    most
        How many at most.

    Raises
    ------
    DocumentError
        The file is damaged.
    StudyError
        It is of a newer version.
    """
    with open_copy(path) as connection:
        if connection is None:
            return ()
        # the detail of a `protocol` is all of it: long, and not asked for here
        rows = connection.execute(
            "SELECT id, time, owner, day, coalesce(stage, ''), event, iif(event = 'protocol', '', detail) "
            "FROM events ORDER BY id DESC LIMIT ?",
            (most,),
        ).fetchall()
    here = str(path.parent)
    return tuple(
        StageEvent(number, time, owner, day, stage, event, detail.replace("{study}", here))
        for number, time, owner, day, stage, event, detail in reversed(rows)
    )
