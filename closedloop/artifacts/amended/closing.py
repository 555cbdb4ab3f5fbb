"""Days that people closed before the session's end: what was shown counts, and the rest is offered to the next day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block
from closedloop.errors import DocumentError
from closedloop.plain_text.json_text import parse_json

JOURNAL = "journal_sha256"
_COUNTS = "n_shown", "n_not_shown"


@dataclass(frozen=True)
class ClosedDay:
    """A day whose session will not go on.

    Attributes
    ----------
    day
        Which.
    journal_sha256
        Of the journal that was there; another one is another session.
    n_shown, n_not_shown
        Presentations that were accepted, and that were planned and are not.
    block
        Which of the day's sessions.
    """

    day: int
    journal_sha256: str
    n_shown: int
    n_not_shown: int
    block: int = 1

    @property
    def session(self) -> Block:
        """Which session."""
        return Block(self.day, self.block)

    @property
    def said(self) -> str:
        """What is told of it: the same everywhere."""
        n_planned = self.n_shown + self.n_not_shown
        return f"{self.session.said} ended early: {self.n_shown:,} of {n_planned:,} presentations were shown"


def closed_days(amendments: Sequence[Amendment]) -> tuple[ClosedDay, ...]:
    """Return the days' sessions that are closed now, in order.

    Raises
    ------
    DocumentError
        A line does not say what was closed.
    """
    closed = dict[Block, ClosedDay]()
    for one in standing(amendments):
        if one.day is not None and one.kind == "close_day":
            closed[Block(one.day, one.block)] = closed_by(one, one.day)
        elif one.day is not None and one.kind == "reopen_day":
            closed.pop(Block(one.day, one.block), None)
    return tuple(closed[session] for session in sorted(closed))


def closed_day(amendments: Sequence[Amendment], session: Block) -> ClosedDay | None:
    """Return what is known of a day's session that is closed; None of one that is not."""
    return next((one for one in closed_days(amendments) if one.session == session), None)


def closed_until(amendments: Sequence[Amendment], session: Block) -> str:
    """Return the sessions up to one that are closed, as JSON by the day alone or as 3.2; empty where none is."""
    names = [one.session.seed_name for one in closed_days(amendments) if one.session <= session]
    return json.dumps(names) if names else ""


def closed_as_text(amendments: Sequence[Amendment], session: Block) -> str:
    """Return how a day's session was closed, as JSON; empty where it was not."""
    found = closed_day(amendments, session)
    return json.dumps({name: getattr(found, name) for name in _COUNTS}, sort_keys=True) if found else ""


def sessions_of(text: str) -> list[int | str]:
    """Return the sessions that `closed_until` wrote, each by the day alone or as 3.2."""
    names = parse_json(text.encode(), place="closed_until") if text else []
    return [name if isinstance(name, int) else str(name) for name in names]


def n_not_shown_of(text: str) -> int:
    """Return how many presentations were not shown, of what `closed_as_text` wrote."""
    return int(parse_json(text.encode(), place="closed")["n_not_shown"])


def closed_by(line: Amendment, day: int) -> ClosedDay:
    """Return what a line says of the day that it closes.

    Raises
    ------
    DocumentError
        It does not say what was closed.
    """
    counts = [line.after.get(name, "") for name in _COUNTS]
    if JOURNAL not in line.after or not all(count.isdecimal() for count in counts):
        raise DocumentError(
            f"amendments.jsonl, close_day of day {day}: expected the journal's sha256 and counts, found "
            f"{', '.join(line.after) or 'nothing'}. Restore the file."
        )
    return ClosedDay(day, line.after[JOURNAL], int(counts[0]), int(counts[1]), line.block)
