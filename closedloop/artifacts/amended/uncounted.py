"""What of a session does not count, and by whom: as gates, pages and panels leave it out.

What is left out of one part of the work only still counts in the other. Nothing at all counts of what is left out of
both, in whatever words: of a site by one decision and of its array by another one, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from closedloop.artifacts.amended.exclusions import PARTS, Exclusion, LeftOutOf, who_left_out
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import FIRST, Block, BlockSequence


@dataclass(frozen=True)
class Uncounted:
    """What does not count in a session.

    Attributes
    ----------
    who
        Who decided it, by what is left out: by one person, or of its two parts by two.
    """

    who: dict[Exclusion, tuple[str, ...]]

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the session counts."""
        return any(one.thing == "day" for one in self.who)

    @property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """The presentations that do not count, the first and the last one of each stretch, as the journal has them."""
        return tuple((one.first, one.last) for one in self.who if one.first is not None and one.last is not None)

    def covers_site(self, neuroid_id: str) -> bool:
        """Return whether a site does not count, in a session of which the others do."""
        return any(one.covers_site(neuroid_id) for one in self.who)

    def note(self, names: Iterable[str]) -> str:
        """Say how many of some sites do not count and who decided so; nothing where all count."""
        out = [name for name in names if self.covers_site(name)]
        deciders = self.deciders(*(one for one in self.who if any(one.covers_site(name) for name in out)))
        return f"{len(out)} left out by {deciders}" if out else ""

    def deciders(self, *things: Exclusion) -> str:
        """Return who left out some things, or all of them."""
        names = sorted({name for one in things or self.who for name in self.who[one]})
        return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""

    def as_text(self) -> str:
        """Return it as JSON, the same text for the same; empty where all counts."""
        rows = [[*_content(one), list(who)] for one, who in self.who.items()]
        return json.dumps(sorted(rows, key=json.dumps)) if rows else ""


ALL_COUNTS = Uncounted({})
"""Nothing is left out."""


def uncounted(amendments: Sequence[Amendment], session: Block, parts: Sequence[LeftOutOf] = PARTS) -> Uncounted:
    """Return what does not count in a session, in none of some parts of the work.

    Parameters
    ----------
    amendments
        The study's.
    session
        Which.
    parts
        The fit, the evaluation, or both.

    Raises
    ------
    DocumentError
        A line's things are none.
    """
    known = [(one, who) for one, who in who_left_out(amendments).items() if one.covers_session(session)]
    first, *others = (
        _joined((_of_session(one, session), {who}) for one, who in known if one.part == part) for part in parts
    )
    for other in others:
        pairs = [(_both(one, another), who | by) for one, who in first.items() for another, by in other.items()]
        first = _joined((both, who) for both, who in pairs if both is not None)
    return Uncounted({one: tuple(sorted(who)) for one, who in first.items()})


def _joined(things: Iterable[tuple[Exclusion, set[str]]]) -> dict[Exclusion, set[str]]:
    """Return things with all who decided them."""
    joined = dict[Exclusion, set[str]]()
    for one, who in things:
        joined[one] = joined.get(one, set()) | who
    return joined


def session_to_compare_with(amendments: Sequence[Amendment], sequence: BlockSequence, session: Block) -> Block:
    """Return the last session before one that counts as a whole; the one before it, where none does.

    Parameters
    ----------
    amendments
        The study's.
    sequence
        Its sessions.
    session
        Not the first one.
    """
    earlier = [one for one in reversed(sequence.until(session)) if one < session]
    return next((one for one in earlier if not uncounted(amendments, one).is_whole), sequence.before(session))


def uncounted_at_intake(amendments: Sequence[Amendment], sequence: BlockSequence, session: Block) -> dict[str, str]:
    """Return what gates leave out when a session is ingested, as text by session: of those it is compared with, too.

    Parameters
    ----------
    amendments
        The study's.
    sequence
        Its sessions.
    session
        Which.
    """
    own = {session.folder_name: uncounted(amendments, session).as_text()}
    if session == FIRST:
        return own
    compared = session_to_compare_with(amendments, sequence, session)
    others = {one: uncounted(amendments, one).who.items() for one in (FIRST, compared)}
    texts = {
        one.folder_name: Uncounted({thing: who for thing, who in of_it if thing.thing != "day"}).as_text()
        for one, of_it in others.items()
    }
    instead = {"compared with": compared.folder_name} if compared != sequence.before(session) else {}
    return {**texts, **own, **instead}


def _of_session(one: Exclusion, session: Block) -> Exclusion:
    """Return it as it concerns a session alone, so that other days and parts make no difference."""
    block = None if session.number == 1 else session.number
    return one.model_copy(update={"part": PARTS[0], "from_day": session.day, "to_day": session.day, "block": block})


def _both(one: Exclusion, other: Exclusion) -> Exclusion | None:
    """Return what two things of a session have in common; None where they have nothing."""
    if one.thing == "day" or other.thing == "day":
        return other if one.thing == "day" else one
    if one.thing == "presentations" and other.thing == "presentations":
        first, last = max(one.first or 0, other.first or 0), min(one.last or 0, other.last or 0)
        return one.model_copy(update={"first": first, "last": last}) if first <= last else None
    if "presentations" in (one.thing, other.thing):
        return None
    if one == other or (one.thing == "site" and other.covers_site(one.name)):
        return one
    return other if other.thing == "site" and one.covers_site(other.name) else None


def _content(one: Exclusion) -> tuple[str | int | None, ...]:
    return one.thing, one.name, one.first, one.last
