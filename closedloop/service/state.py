"""Where a study stands, as the service tells it: from the ledger, which the loop writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.study.ledger import StageRecord, read_records

StudyState = Literal["running", "waiting", "held", "failed", "crashed", "stuck", "done", "elsewhere", "ended"]


@dataclass(frozen=True)
class Standing:
    """Where a study stands.

    Attributes
    ----------
    state
        What is the matter.
    day, stage
        Where; None where it is of none. The start is of day -1.
    waiting_for
        What a person has to do; empty where nothing is.
    held_by
        The names of the gates that hold it.
    error
        What went wrong, in one line; empty where nothing did.
    n_done
        Stages that are published: what is told again only after progress is told by it.
    """

    state: StudyState
    day: int | None = None
    stage: str | None = None
    waiting_for: str = ""
    held_by: tuple[str, ...] = ()
    error: str = ""
    n_done: int = 0


@dataclass
class LedgerReader:
    """Reads a study's ledger when it was written to, and never else: reading copies it."""

    paths: StudyPaths
    _seen: tuple[tuple[int, int], ...] = ()
    _records: tuple[StageRecord, ...] = ()

    def records(self) -> tuple[StageRecord, ...]:
        """Return the rows; those of before where they cannot be read now."""
        seen = tuple(_written(self.paths, ending) for ending in ("", "-wal"))
        if seen != self._seen:
            self._seen = seen
            try:
                self._records = read_records(self.paths.ledger) if self.paths.ledger.is_file() else ()
            except (ClosedLoopError, OSError):  # `run` says what is wrong with it; a page shows what was there before
                self._seen = ()
        return self._records

    def n_done(self) -> int:
        """Return how many stages are published."""
        return sum(record.state == "done" for record in self.records())

    def last(self) -> StageRecord | None:
        """Return the row of the stage that the loop came to last: rows are in order, and it stops at one undone."""
        undone = [record for record in self.records() if record.state != "done"]
        return undone[-1] if undone else None


def _written(paths: StudyPaths, ending: str) -> tuple[int, int]:
    try:
        status = paths.ledger.with_name(paths.ledger.name + ending).stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
