"""The rig's journal: one JSON line an event, written as it happens, never rewritten.

A line is complete when it ends in a newline; a torn last line (the rig was killed while writing) never happened.
An older end of the session was a stop: a later launch voids it. On a real display nothing else is ever voided, and
what was begun is never begun again under the same ordinal: its code may be in the recording. On a virtual clock nobody
saw a trial that was not finished, and the resumed run shows it again at the same virtual time and under the same
ordinals, so that a killed dry run ends like an undisturbed one: a launch there voids the rows from its first ordinal
and trial on.

What the rig accepted and what turns out to be in no recording is rejected as it is read (`presented.unrecorded`).

Each line carries a check of itself and of the line before (`artifacts.records.chain`), so that a lost, doubled, moved
or edited line is named by its number. Rigs of version 0.1 wrote none: a journal of theirs is judged by what was
planned and by its summary alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from closedloop.artifacts.day.journal_rows import (
    ROW,
    JournalRow,
    LaunchOpened,
    Presentation,
    PresentationBegun,
    RewardNoted,
    SessionEnded,
    TimeOut,
    TrialBegun,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.presented.unrecorded import reject_unrecorded
from closedloop.artifacts.documents import Document
from closedloop.artifacts.faults import describe_faults
from closedloop.artifacts.records.chain import CHAIN_START, ChainLink, chain_line, read_chain
from closedloop.errors import DocumentError
from closedloop.plain_text.json_text import parse_json
from closedloop.plain_text.limits import MOST_LINES_BYTES, read_limited, refuse_many_lines


class SessionSummary(Document):
    """A finished session in numbers (summary.json)."""

    kind: Literal["session_summary"] = "session_summary"
    session_id: str
    display: Literal["headless", "psychopy"]
    outcome: Literal["complete", "stopped"]
    stopped_by: str | None = Field(
        default=None,
        exclude_if=lambda by: by is None,
        description="who or what stopped it, in words; not there where it is complete, and by older rigs",
    )
    n_segments: int = Field(description="launches of the rig")
    n_trials: int
    n_trials_completed: int
    n_trials_broken: int
    n_trials_ignored: int
    n_presentations: int
    n_accepted: int
    n_rejected: dict[str, int] = Field(description="presentations rejected, by reason")
    n_cut: int = Field(default=0, description="presentations begun that the end of the rig cut: no row says how long")
    n_twins_too_near: int | None = Field(
        default=None, description="accepted closer to a twin than planned, for want of others; null by older rigs"
    )
    n_remaining: int
    n_time_outs: int
    duration_s: float = Field(
        description="the rig at work, summed over its launches; by rigs of 0.1 with the time between them"
    )
    reward_ms: float = Field(description="time the valve is known to have been open, in all; 0 without one")


@dataclass(frozen=True)
class Journal:
    """The journal without void rows and a torn last line; both are counted.

    Attributes
    ----------
    rows
        All rows that stand, in order.
    n_void
        Rows voided by a resume on a virtual clock.
    n_torn
        1 where the last line was cut by a crash, else 0.
    n_bytes_whole
        Length of the file up to its last complete line; a resume cuts the torn rest there.
    lines
        Number of each row's line in the file, from 1.
    is_chained
        Whether every line carries a check; False for a rig of version 0.1.
    end
        What a next line is chained to.
    """

    rows: tuple[JournalRow, ...]
    n_void: int
    n_torn: int
    n_bytes_whole: int
    lines: tuple[int, ...] = ()
    is_chained: bool = True
    end: ChainLink = CHAIN_START

    @property
    def numbered(self) -> Iterator[tuple[int, JournalRow]]:
        """The rows that stand, each with the number of its line."""
        return zip(self.lines, self.rows, strict=True)

    @property
    def presentations(self) -> tuple[Presentation, ...]:
        """The presentations that stand, in the order shown."""
        return tuple(row for row in self.rows if isinstance(row, Presentation))

    @property
    def launches(self) -> tuple[LaunchOpened, ...]:
        """The launches of the rig, in order."""
        return tuple(row for row in self.rows if isinstance(row, LaunchOpened))

    @property
    def ended(self) -> SessionEnded | None:
        """The end of the session, once it has been written."""
        return next((row for row in self.rows if isinstance(row, SessionEnded)), None)


def read_journal(path: Path) -> Journal:
    """Read a journal.

    Raises
    ------
    DocumentError
        The file is missing, or a complete line is not a journal row.
    """
    missing = "expected the rig's journal, found no file. Run `rig present` first."
    content = read_limited(path, most_bytes=MOST_LINES_BYTES, missing=missing)
    whole, _, torn = content.rpartition(b"\n")
    refuse_many_lines(whole, place=str(path))
    chain = read_chain(whole.split(b"\n") if whole else [], place=str(path))
    rows = [parse_row(body, place=f"{path}, line {number}") for number, body in enumerate(chain.bodies, start=1)]
    standing = _standing(rows)
    return Journal(
        rows=tuple(reject_unrecorded([rows[place] for place in standing])),
        n_void=len(rows) - len(standing),
        n_torn=int(bool(torn)),
        n_bytes_whole=len(content) - len(torn),
        lines=tuple(place + 1 for place in standing),
        is_chained=chain.is_chained,
        end=chain.end,
    )


def journal_bytes(rows: Iterable[JournalRow]) -> bytes:
    """Return a whole journal of chained lines."""
    lines, end = [], CHAIN_START
    for row in rows:
        line, end = chain_line(ROW.dump_json(row), end)
        lines.append(line)
    return b"".join(lines)


def standing_rows(rows: Sequence[JournalRow]) -> list[JournalRow]:
    """Return the rows that no later launch voids; see the module's text."""
    return [rows[place] for place in _standing(rows)]


def _standing(rows: Sequence[JournalRow]) -> list[int]:
    standing: list[int] = []
    for place, row in enumerate(rows):
        if isinstance(row, LaunchOpened):
            standing = [old for old in standing if not _is_voided(rows[old], row)]
        standing.append(place)
    return standing


def _is_voided(row: JournalRow, launch: LaunchOpened) -> bool:
    return voids(launch, *counted_by(row))


CountedBy = Literal["ordinal", "trial", "time", "end", "nothing"]
"""What says whether a later launch voids a row: the session's end always, the others on a virtual clock alone."""


def counted_by(row: JournalRow) -> tuple[CountedBy, float]:
    """Return what says whether a later launch voids a row, and the row's own: all that a reader need remember of it."""
    match row:
        case SessionEnded():
            return "end", 0.0
        case PresentationBegun() | Presentation():
            return "ordinal", row.ordinal
        case TrialBegun() | TrialStarted() | TrialEnded():
            return "trial", row.trial
        case RewardNoted(trial=int(trial)):
            return "trial", trial
        case LaunchOpened() | TimeOut():
            return "nothing", 0.0
        case _:
            return "time", row.time_s


def voids(launch: LaunchOpened, by: CountedBy, count: float) -> bool:
    """Return whether a launch voids an older row.

    Parameters
    ----------
    launch
        The later launch.
    by, count
        Of the row, as `counted_by` returns them.
    """
    first = {"ordinal": launch.first_ordinal, "trial": launch.first_trial, "time": launch.time_s}
    return by == "end" or (by != "nothing" and launch.clock == "virtual" and count >= first[by])


def parse_row(line: bytes, *, place: str) -> JournalRow:
    """Parse a line of a journal, its check taken off.

    Parameters
    ----------
    line
        A JSON object.
    place
        What a message calls the line.

    Raises
    ------
    DocumentError
        It is no row of a journal.
    """
    content = parse_json(line, place=place)
    try:
        return ROW.validate_python(content)
    except ValidationError as error:
        raise DocumentError(f"{place}: {describe_faults(error, None, content)}") from error


def accepted(rows: Iterable[JournalRow]) -> list[Presentation]:
    """Return the accepted presentations."""
    return [row for row in rows if isinstance(row, Presentation) and row.outcome == "accepted"]
