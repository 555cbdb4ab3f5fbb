"""Days of a study, as its commands take and tell them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import OptionError, StudyError


def refuse_other_days(protocol: Protocol, day: int) -> None:
    """Refuse a day that the study does not have.

    Raises
    ------
    StudyError
        It has none of this number.
    """
    if day >= protocol.days:
        known = {1: "day 0", 2: "days 0 and 1"}.get(protocol.days, f"days 0 to {protocol.days - 1}")
        raise StudyError(f"--day: expected a day of the study, found {day}; the study has {known}. Correct it.")


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where there are several: "no day", "1 day", "2,000 days"."""
    return f"{number:,} {noun}s" if number > 1 else f"{number or 'no'} {noun}"


def refuse_other_blocks(paths: StudyPaths, day: int, number: int) -> StudyPaths:
    """Return a study seen from one of a day's sessions, or refuse a number that is of none.

    Parameters
    ----------
    paths
        The study.
    day, number
        Which.

    Raises
    ------
    OptionError
        The day has no such session.
    """
    block, known = Block(day, number), paths.sequence.of_day(day)
    if block not in known:
        found = " or ".join(str(one.number) for one in known) or f"none, for day {day} is skipped"
        raise OptionError(f"--block: expected a session of day {day} ({found}), found {number}. Correct it.")
    return paths.at(block)


def as_told(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return names and values as a dict for JSON; a day's first session has no number, as where days have but one.

    Parameters
    ----------
    pairs
        As `dataclasses.asdict` gives them.
    """
    return {name: value for name, value in pairs if (name, value) != ("block", 1)}


def days_to_come(n_done: int, n_days: int, *, again: str) -> str:
    """Say how many of a study's days are done, and how it goes on.

    Parameters
    ----------
    n_done, n_days
        Days that are done, and that the protocol has.
    again
        The command that goes on.
    """
    return f"{n_done} of {count(n_days, 'day')} {'is' if n_done == 1 else 'are'} done: `{again}` goes on"


def all_done(n_days: int) -> str:
    """Say that a study is at its end."""
    return f"All {n_days} days are done." if n_days > 1 else "The study's one day is done."
