"""What is left out of the fit and of the evaluation: sites, arrays, days, presentations, as people decided.

A thing is left out from a first to a last day. Taking it back (`include`) names the same thing and the same days, so
that a study of which everything was taken back is the study without any exclusion. What of it concerns one session, as
gates and pages leave it out, stands in `uncounted.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import Field

from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.documents import Section, validate
from closedloop.artifacts.protocol.numbers import MOST_SESSIONS
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
    block: int | None = Field(
        default=None,
        ge=1,
        le=MOST_SESSIONS,
        description="which of the day's sessions; null: all of them, and of presentations the first one",
    )

    def covers(self, day: int) -> bool:
        """Return whether it concerns a day."""
        return self.from_day <= day and (self.to_day is None or day <= self.to_day)

    def covers_session(self, session: Block) -> bool:
        """Return whether it concerns one of a day's sessions: presentations are those of one alone."""
        number = (self.block or 1) if self.thing == "presentations" else self.block
        return self.covers(session.day) and number in (None, session.number)

    def is_known_by(self, session: Block) -> bool:
        """Return whether it begins with a session or with one before it."""
        return (self.from_day, self.block or 1) <= session

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
    return _in_order(who_left_out(amendments))


def who_left_out(amendments: Sequence[Amendment]) -> dict[Exclusion, str]:
    """Return what is left out now, each with who decided it first.

    Raises
    ------
    DocumentError
        A line's things are none.
    """
    who = dict[Exclusion, str]()
    for one in standing(amendments):
        if one.kind == "exclude":
            who = dict.fromkeys(things_in(one.after), one.who) | who
        elif one.kind == "include":
            back = set(things_in(one.before))
            who = {thing: by for thing, by in who.items() if thing not in back}
    return who


def of_session(exclusions: Iterable[Exclusion], session: Block) -> tuple[Exclusion, ...]:
    """Return what concerns one of a day's sessions.

    Parameters
    ----------
    exclusions
        Of any day.
    session
        Which.
    """
    return tuple(one for one in exclusions if one.covers_session(session))


def left_out(amendments: Sequence[Amendment], part: LeftOutOf, *, until: Block) -> tuple[Exclusion, ...]:
    """Return what is left out of one part of the work on the first days.

    Parameters
    ----------
    amendments
        The study's.
    part
        The fit or the evaluation.
    until
        The last session that counts.
    """
    return tuple(one for one in exclusions(amendments) if one.part == part and one.is_known_by(until))


def not_attacked(amendments: Sequence[Amendment], *, session: Block) -> tuple[Exclusion, ...]:
    """Return the sites and arrays that a session attacks no longer: left out of the evaluation before it was made.

    Parameters
    ----------
    amendments
        The study's.
    session
        Which.
    """
    first, is_added = dict[Exclusion, Block](), False
    for one in standing(amendments):
        if one.kind == "exclude":
            first = {thing: since for thing, since in first.items() if thing not in things_in(one.after)}
            if _NOT_ATTACKED in one.after:
                first |= dict.fromkeys(things_in(one.after), _session(one.after[_NOT_ATTACKED]))
        elif one.kind == "add_block" and (one.day, one.block) == session and not is_added:
            is_added = True  # nobody had made it when these were left out
            first = {thing: min(since, session) for thing, since in first.items()}
    return tuple(
        one
        for one in exclusions(amendments)
        if one.part == "evaluation"
        and one.thing in ("site", "array")
        and one.covers(session.day)
        and one in first
        and first[one] <= session
    )


def noted(things: Iterable[Exclusion], *, not_attacked_from: Block | None = None) -> dict[str, str]:
    """Return how an amendment states what is left out.

    Parameters
    ----------
    things
        What.
    not_attacked_from
        The first session that was still to be made when it was decided; None where the sites are to be attacked
        nevertheless.
    """
    values = {_THINGS: as_text(things)}
    return values | ({_NOT_ATTACKED: str(not_attacked_from.seed_name)} if not_attacked_from is not None else {})


def not_attacked_since(values: dict[str, str]) -> Block | None:
    """Return from which session on sites are attacked no longer, as `noted` stated it; None where they are."""
    return _session(values[_NOT_ATTACKED]) if _NOT_ATTACKED in values else None


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
    of_day = f"day {one.from_day}" + (f", session {one.block}" if one.block is not None else "")
    if one.thing == "day":
        return of_day
    if one.thing == "presentations":
        return f"presentations {one.first} to {one.last} of {of_day}"
    if one.to_day is None:
        days = f" from day {one.from_day} on" if one.from_day else ""
    else:
        days = f" on day {one.from_day}" if one.to_day == one.from_day else f" on days {one.from_day} to {one.to_day}"
    return f"{one.thing} {one.name}{days}"


def said_of_all(things: Iterable[Exclusion]) -> tuple[str, ...]:
    """Return what is left out of which part, a line each; of both parts in one."""
    return tuple(f"{words}: left out of {parts}" for words, parts in _parts_of(things).items())


def said_by_parts(things: Iterable[Exclusion]) -> dict[str, str]:
    """Return the things of each part in words, by the part's: `the fit`, `the evaluation`, or both."""
    found = dict[str, list[str]]()
    for words, parts in _parts_of(things).items():
        found.setdefault(parts, []).append(words)
    return {parts: "; ".join(words) for parts, words in found.items()}


def _parts_of(things: Iterable[Exclusion]) -> dict[str, str]:
    parts = dict[str, list[str]]()
    for one in _in_order(things):
        parts.setdefault(said(one), []).append(f"the {one.part}")
    return {words: " and ".join(sorted(of, reverse=True)) for words, of in parts.items()}


def things_in(values: dict[str, str]) -> tuple[Exclusion, ...]:
    """Return the things that an amendment states, as `noted` did."""
    return from_text(values.get(_THINGS, ""), place=f"amendments.jsonl, {_THINGS}")


def _session(text: str) -> Block:
    """Return the session that `noted` wrote: by the day alone, or as 3.2."""
    day, dot, number = text.partition(".")
    if not day.isdecimal() or (dot and not number.isdecimal()):
        raise DocumentError(
            f"amendments.jsonl, {_NOT_ATTACKED}: expected a day, or a session such as 3.2, found {text!r:.60}. "
            "Restore the file."
        )
    return Block(int(day), int(number or 1))


def _in_order(things: Iterable[Exclusion]) -> tuple[Exclusion, ...]:
    """Return them in the order that they had before there were blocks: what hashes hold of them stays."""
    return tuple(sorted(set(things), key=lambda one: (one.model_dump_json(exclude={"block"}), one.block or 0)))
