"""Days that people closed before the session's end: what was shown counts, and the rest is offered to the next day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.records.amendments import Amendment
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
    """

    day: int
    journal_sha256: str
    n_shown: int
    n_not_shown: int

    @property
    def said(self) -> str:
        """What is told of it: the same everywhere."""
        n_planned = self.n_shown + self.n_not_shown
        return f"day {self.day} ended early: {self.n_shown:,} of {n_planned:,} presentations were shown"


def closed_days(amendments: Sequence[Amendment]) -> tuple[ClosedDay, ...]:
    """Return the days that are closed now, in order.

    Raises
    ------
    DocumentError
        A line does not say what was closed.
    """
    closed = dict[int, ClosedDay]()
    for one in standing(amendments):
        if one.day is not None and one.kind == "close_day":
            closed[one.day] = closed_by(one, one.day)
        elif one.day is not None and one.kind == "reopen_day":
            closed.pop(one.day, None)
    return tuple(closed[day] for day in sorted(closed))


def closed_day(amendments: Sequence[Amendment], day: int) -> ClosedDay | None:
    """Return what is known of a day that is closed; None of one that is not."""
    return next((one for one in closed_days(amendments) if one.day == day), None)


def closed_until(amendments: Sequence[Amendment], day: int) -> str:
    """Return the days up to one that are closed, as JSON; empty where none is."""
    days = [one.day for one in closed_days(amendments) if one.day <= day]
    return json.dumps(days) if days else ""


def closed_as_text(amendments: Sequence[Amendment], day: int) -> str:
    """Return how a day was closed, as JSON; empty where it was not."""
    found = closed_day(amendments, day)
    return json.dumps({name: getattr(found, name) for name in _COUNTS}, sort_keys=True) if found else ""


def days_of(text: str) -> list[int]:
    """Return the days that `closed_until` wrote."""
    return [int(day) for day in parse_json(text.encode(), place="closed_until")] if text else []


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
    return ClosedDay(day, line.after[JOURNAL], int(counts[0]), int(counts[1]))
