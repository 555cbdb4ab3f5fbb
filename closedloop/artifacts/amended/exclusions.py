"""What is left out of the fit and of the evaluation: sites, arrays, days, presentations, as people decided.

A thing is left out from a first to a last day. Taking it back (`include`) names the same thing and the same days, so
that a study of which everything was taken back is the study without any exclusion.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import Field

from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.documents import Section, validate
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block
from closedloop.errors import DocumentError
from closedloop.plain_text.json_text import parse_json

LeftOutOf = Literal["fit", "evaluation"]
PARTS: tuple[LeftOutOf, ...] = ("fit", "evaluation")
Thing = Literal["site", "array", "day", "presentations"]

_THINGS = "things"
_NOT_ATTACKED = "not_attacked_from_day"


class Exclusion(Section):
    """One thing that is left out of one part of the work."""

    part: LeftOutOf
    thing: Thing
    name: str = Field(default="", description="of the site or the array; empty for days and presentations")
    from_day: int = Field(ge=0)
    to_day: int | None = Field(default=None, ge=0, description="the last day; null: every later one too")
    first: int | None = Field(default=None, ge=0, description="the first presentation of the day left out, from 0")
    last: int | None = Field(default=None, ge=0, description="the last one")

    def covers(self, day: int) -> bool:
        """Return whether it concerns a day."""
        return self.from_day <= day and (self.to_day is None or day <= self.to_day)

    def covers_site(self, neuroid_id: str) -> bool:
        """Return whether it is of a site, by itself or with its array."""
        if self.thing == "array":
            return neuroid_id.rpartition("-")[0] == self.name
        return self.thing == "site" and neuroid_id == self.name


def exclusions(amendments: Sequence[Amendment]) -> tuple[Exclusion, ...]:
    """Return what is left out now, in the order of its names, whenever it was decided.

    Raises
    ------
    DocumentError
        A line's things are none.
    """
    out = set[Exclusion]()
    for one in standing(amendments):
        if one.kind == "exclude":
            out |= set(things_in(one.after))
        elif one.kind == "include":
            out -= set(things_in(one.before))
    return _in_order(out)


def of_session(exclusions: Iterable[Exclusion], block: Block) -> tuple[Exclusion, ...]:
    """Return what concerns one of a day's sessions: presentations are those of the first one.

    Parameters
    ----------
    exclusions
        Of any day.
    block
        Which session.
    """
    return tuple(one for one in exclusions if block.number == 1 or one.thing != "presentations")


def left_out(amendments: Sequence[Amendment], part: LeftOutOf, *, until_day: int) -> tuple[Exclusion, ...]:
    """Return what is left out of one part of the work on the first days.

    Parameters
    ----------
    amendments
        The study's.
    part
        The fit or the evaluation.
    until_day
        The last day that counts.
    """
    return tuple(one for one in exclusions(amendments) if one.part == part and one.from_day <= until_day)


def not_attacked(amendments: Sequence[Amendment], *, day: int) -> tuple[Exclusion, ...]:
    """Return the sites and arrays that a day attacks no longer: left out of the evaluation before it was planned."""
    first = dict[Exclusion, int]()
    for one in standing(amendments):
        if one.kind == "exclude":
            first = {thing: from_day for thing, from_day in first.items() if thing not in things_in(one.after)}
            if _NOT_ATTACKED in one.after:
                first |= dict.fromkeys(things_in(one.after), _number(one.after[_NOT_ATTACKED]))
    return tuple(
        one
        for one in exclusions(amendments)
        if one.part == "evaluation"
        and one.thing in ("site", "array")
        and one.covers(day)
        and first.get(one, day + 1) <= day
    )


def noted(things: Iterable[Exclusion], *, not_attacked_from_day: int | None = None) -> dict[str, str]:
    """Return how an amendment states what is left out.

    Parameters
    ----------
    things
        What.
    not_attacked_from_day
        The first day that was not planned when it was decided; None where the sites are to be attacked nevertheless.
    """
    values = {_THINGS: as_text(things)}
    return values | ({_NOT_ATTACKED: str(not_attacked_from_day)} if not_attacked_from_day is not None else {})


def as_text(things: Iterable[Exclusion]) -> str:
    """Return what is left out as JSON, the same text for the same things; empty where there are none."""
    out = [one.model_dump(mode="json", exclude_defaults=True) for one in _in_order(things)]
    return json.dumps(out, sort_keys=True) if out else ""


def from_text(text: str, *, place: str) -> tuple[Exclusion, ...]:
    """Return what `as_text` wrote.

    Parameters
    ----------
    text
        JSON, or nothing.
    place
        For the message.

    Raises
    ------
    DocumentError
        It is not.
    """
    content = parse_json(text.encode(), place=place) if text else []
    if not isinstance(content, list):
        raise DocumentError(f"{place}: expected a list of what is left out, found {text!r:.60}. Restore the file.")
    return tuple(validate(Exclusion, one, place=place) for one in content)


def said(one: Exclusion) -> str:
    """Return in a few words what is left out, on which days: the same everywhere it is told."""
    if one.thing == "day":
        return f"day {one.from_day}"
    if one.thing == "presentations":
        return f"presentations {one.first} to {one.last} of day {one.from_day}"
    if one.to_day is None:
        days = f" from day {one.from_day} on" if one.from_day else ""
    else:
        days = f" on day {one.from_day}" if one.to_day == one.from_day else f" on days {one.from_day} to {one.to_day}"
    return f"{one.thing} {one.name}{days}"


def said_of_all(things: Iterable[Exclusion]) -> tuple[str, ...]:
    """Return what is left out of which part, a line each; of both parts in one."""
    parts = dict[str, list[str]]()
    for one in _in_order(things):
        parts.setdefault(said(one), []).append(f"the {one.part}")
    return tuple(f"{words}: left out of {' and '.join(sorted(of, reverse=True))}" for words, of in parts.items())


def things_in(values: dict[str, str]) -> tuple[Exclusion, ...]:
    """Return the things that an amendment states, as `noted` did."""
    return from_text(values.get(_THINGS, ""), place=f"amendments.jsonl, {_THINGS}")


def _number(text: str) -> int:
    if not text.isdecimal():
        raise DocumentError(f"amendments.jsonl, {_NOT_ATTACKED}: expected a day, found {text!r:.60}. Restore the file.")
    return int(text)


def _in_order(things: Iterable[Exclusion]) -> tuple[Exclusion, ...]:
    return tuple(sorted(set(things), key=lambda one: one.model_dump_json()))
