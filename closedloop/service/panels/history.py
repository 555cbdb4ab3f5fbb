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
    kinds, days, text
        The filters as they are set.
    n_found, page, n_pages
        How many entries the filters leave, which page of them this is, from 1, and of how many.
    damaged
        What could not be read, or not be vouched for, a line each.
    """

    entries: tuple[Entry, ...]
    kinds: tuple[Choice, ...]
    days: tuple[Choice, ...]
    text: str
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
    text = asked.get("text", "")[:100]
    days = _days(entries, asked.get("day", ""))
    day = next(one.value for one in days if one.is_chosen)
    of_day = [entry for entry in entries if (not day or _day_value(entry) == day) and _says(entry, text)]
    found = [entry for entry in of_day if _is_of(entry, kind)]
    n_pages = max(math.ceil(len(found) / ENTRIES_A_PAGE), 1)
    wanted = asked.get("page", "")
    page = min(max(int(wanted) if re.fullmatch(r"[0-9]{1,6}", wanted) else 1, 1), n_pages)
    return HistoryPanel(
        entries=tuple(found[(page - 1) * ENTRIES_A_PAGE : page * ENTRIES_A_PAGE]),
        kinds=_kinds(of_day, kind),
        days=days,
        text=text,
        n_found=len(found),
        page=page,
        n_pages=n_pages,
        damaged=faults,
    )


def _is_of(entry: Entry, kind: str) -> bool:
    return entry.kind == kind if kind else entry.kind != _QUIET


def _says(entry: Entry, text: str) -> bool:
    said = " ".join((entry.what, entry.who, entry.why, *entry.details))
    return text.casefold() in said.casefold()


def _kinds(entries: Sequence[Entry], kind: str) -> tuple[Choice, ...]:
    n = Counter[str](entry.kind for entry in entries)
    numbers = {one: sum(n.values()) - n[_QUIET] if not one else n[one] for one in KINDS}
    return tuple(Choice(one, label, one == kind, numbers[one]) for one, label in KINDS.items())


def _days(entries: Sequence[Entry], asked: str) -> tuple[Choice, ...]:
    values = sorted({entry.day for entry in entries if entry.day is not None}, reverse=True)
    choices = [("", "all days"), *((str(day), day_name(day)) for day in values)]
    chosen = asked if asked in dict(choices) else ""
    return tuple(Choice(value, label, value == chosen) for value, label in choices)


def _day_value(entry: Entry) -> str:
    return "" if entry.day is None else str(entry.day)
