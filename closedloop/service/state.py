"""Where a study stands, as the service tells it: from the loop's ledger, what is brought, and what the gates found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.study.completeness.now import wait_now
from closedloop.study.gates.decisions import held_now
from closedloop.study.ledger import StageRecord, read_records
from closedloop.study.loop import read_identity
from closedloop.study.process.state import is_held_next

ServedState = Literal["running", "waiting", "held", "failed", "crashed", "stuck", "done", "elsewhere", "ended"]


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
        What holds it: a line for each gate, or for a person's own hold.
    error
        What went wrong, in one line; empty where nothing did.
    n_done
        Stages that are published: what went wrong is told again only after progress.
    block
        Which of the day's sessions.
    """

    state: ServedState
    day: int | None = None
    stage: str | None = None
    waiting_for: str = ""
    held_by: tuple[str, ...] = ()
    error: str = ""
    n_done: int = 0
    block: int = 1

    @property
    def is_held_by_hand(self) -> bool:
        """Whether it is a person, and no gate, that holds it."""
        return self.state == "held" and self.stage == "person"

    def where_and_why(self, *, with_stage: bool) -> str:
        """Return the day, if there is one, and why it stands there, to be put behind what the study does."""
        why = self.waiting_for or self.error or "; ".join(self.held_by)
        if self.day is None or self.day < 0 or why.startswith(f"day {self.day}"):  # said with the day already
            return f": {why}" if why else ""
        place = f", {Block(self.day, self.block).said}{f' {self.stage}' if with_stage and self.stage else ''}"
        return f"{place}: {why}" if why else place


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
            except (ClosedLoopError, OSError):  # `run` says what is wrong with it
                self._seen = ()
        return self._records

    def n_done(self) -> int:
        """Return how many stages are published."""
        return sum(record.state == "done" for record in self.records())

    def at(self) -> tuple[int | None, str | None, int]:
        """Return day, stage and number of the session that the loop came to last: it stops at one that is not done."""
        undone = [record for record in self.records() if record.state != "done"]
        return (undone[-1].day, undone[-1].stage, undone[-1].block) if undone else (None, None, 1)


def standing_at_rest(paths: StudyPaths, ledger: LedgerReader) -> Standing:
    """Return where a study stands whose loop needs a person; from files alone, nothing is written."""
    n_done, (day, stage, block) = ledger.n_done(), ledger.at()
    try:
        study, protocol = read_identity(paths)
        held = held_now(paths, study, protocol)
        if is_held_next(paths, protocol.days, held):
            first = held[0]
            lines = tuple(one.line for one in held)
            return Standing("held", first.day, first.checkpoint, held_by=lines, n_done=n_done, block=first.block)
        waits = wait_now(paths, study)
    except (ClosedLoopError, OSError) as error:  # of half a copy, perhaps: the loop says it once nothing changes
        return Standing("waiting", day, stage, waiting_for=str(error), n_done=n_done, block=block)
    if waits is None:
        return Standing("running", day, stage, n_done=n_done, block=block)
    if waits.is_refused:
        return Standing("failed", waits.day, waits.stage, error=waits.line, n_done=n_done, block=waits.block)
    return Standing("waiting", waits.day, waits.stage, waiting_for=waits.line, n_done=n_done, block=waits.block)


def _written(paths: StudyPaths, ending: str) -> tuple[int, int]:
    try:
        status = paths.ledger.with_name(paths.ledger.name + ending).stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
