"""Panel: what was decided about the study, and what happened to it, with who, when and why."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from closedloop.artifacts.study import StudyPaths
from closedloop.service.over_days.choices import Choice
from closedloop.service.over_days.decisions import Entry, day_name, read_entries

NAME = "history"
TITLE = "What was decided, and what happened"

ENTRIES_A_PAGE = 40

KINDS = {
    "": "all but stages that went well",
    "decision": "decisions of people",
    "gate": "gates that did not pass",
    "fault": "failures",
    "stale": "stages made stale",
    "wait": "waiting for a person",
    "stage": "stages that went well",
}
_QUIET = "stage"


@dataclass(frozen=True)
class HistoryPanel:
    """Entries in order of time, the latest first.

    Attributes
    ----------
    entries
        Those of this page.
    kinds, days, people
        The filters.
    n_found, page, n_pages
        How many entries the filters leave, which page of them this is, from 1, and of how many.
    damaged
        What could not be read, or not be vouched for, a line each.
    """

    entries: tuple[Entry, ...]
    kinds: tuple[Choice, ...]
    days: tuple[Choice, ...]
    people: tuple[Choice, ...]
    n_found: int
    page: int
    n_pages: int
    damaged: tuple[str, ...] = ()


def read(paths: StudyPaths) -> HistoryPanel:
    """Return the latest entries."""
    return read_asked(paths, {})


def read_asked(paths: StudyPaths, asked: Mapping[str, str]) -> HistoryPanel:
    """Return the entries that a person asked for by filters, in words of an address."""
    entries, faults = read_entries(paths)
    kind = asked.get("kind", "") if asked.get("kind", "") in KINDS else ""
    days, people = _days(entries, asked.get("day", "")), _people(entries, asked.get("who", ""))
    day, who = (next(one.value for one in choices if one.is_chosen) for choices in (days, people))
    of_day = [entry for entry in entries if day in ("", _day_value(entry)) and who in ("", entry.who)]
    found = [entry for entry in of_day if _is_of(entry, kind)]
    n_pages = max(math.ceil(len(found) / ENTRIES_A_PAGE), 1)
    wanted = asked.get("page", "")
    page = min(max(int(wanted) if re.fullmatch(r"[0-9]{1,6}", wanted) else 1, 1), n_pages)
    return HistoryPanel(
        entries=tuple(found[(page - 1) * ENTRIES_A_PAGE : page * ENTRIES_A_PAGE]),
        kinds=_kinds(of_day, kind),
        days=days,
        people=people,
        n_found=len(found),
        page=page,
        n_pages=n_pages,
        damaged=faults,
    )


def _is_of(entry: Entry, kind: str) -> bool:
    return entry.kind == kind if kind else entry.kind != _QUIET


def _kinds(entries: Sequence[Entry], kind: str) -> tuple[Choice, ...]:
    n = Counter[str](entry.kind for entry in entries)
    numbers = {one: sum(n.values()) - n[_QUIET] if not one else n[one] for one in KINDS}
    return tuple(Choice(one, label, one == kind, numbers[one]) for one, label in KINDS.items())


def _days(entries: Sequence[Entry], asked: str) -> tuple[Choice, ...]:
    values = sorted({entry.day for entry in entries if entry.day is not None}, reverse=True)
    choices = [("", "all days"), *((str(day), day_name(day)) for day in values)]
    chosen = asked if asked in dict(choices) else ""
    return tuple(Choice(value, label, value == chosen) for value, label in choices)


def _people(entries: Sequence[Entry], asked: str) -> tuple[Choice, ...]:
    """Return who decided something; who they are that wrote the rest is a process's name, of no use as a filter."""
    names = sorted({entry.who for entry in entries if entry.kind == "decision"})
    chosen = asked if asked in names else ""
    return tuple(Choice(name, name or "everybody", name == chosen) for name in ("", *names))


def _day_value(entry: Entry) -> str:
    return "" if entry.day is None else str(entry.day)
