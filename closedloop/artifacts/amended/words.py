"""What people decided, in words: history, report, status and page say it alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from closedloop.artifacts.amended import images, imported, moved, protocols, rigs
from closedloop.artifacts.amended.closing import closed_by, closed_days
from closedloop.artifacts.amended.exclusions import (
    exclusions,
    not_attacked_since,
    said_by_parts,
    said_of_all,
    things_in,
)
from closedloop.artifacts.amended.standing import withdrawals
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import SHOWN, Block

_FOUND: Final = "found"


def _amended(line: Amendment) -> str:
    return f"amended the protocol {protocols.said(line)}"


def _withdrawn(line: Amendment) -> str:
    number, *kind = line.subject
    of_what = f", {kind[0].replace('_', ' ')}" if kind else ""
    return f"took back line {number}{of_what}"


def _approved(line: Amendment) -> str:
    gate = line.subject[-1].replace("_", " ") if line.subject else "a gate"
    found = line.before.get(_FOUND, "").rstrip(".")
    return f"approved what {gate} found" + (f": {found}" if found else "")


def _edited(line: Amendment) -> str:
    changes = [f"{key} {line.before.get(key, '?')} -> {line.after.get(key, '?')}" for key in line.subject]
    return "edited the protocol" + (f": {', '.join(changes)}" if changes else "")


def _left_out(line: Amendment) -> str:
    things, since = things_in(line.after), not_attacked_since(line.after)
    said = [f"left out of {parts}: {words}" for parts, words in said_by_parts(things).items()]
    if since is not None:
        first = max(since, Block(min((thing.from_day for thing in things), default=0)))
        said.append(f"attacked no longer from {first.said} on")
    return "; ".join(said)


def _taken_in(line: Amendment) -> str:
    of_parts = said_by_parts(things_in(line.before)).items()
    return "; ".join(f"took in again, in {parts}: {things}" for parts, things in of_parts)


def _closed(line: Amendment) -> str:
    return f"closed the day: {closed_by(line, line.day or 0).said}"


def _though_shown(line: Amendment) -> str:
    return ", which was shown" if line.after.get(SHOWN) == "yes" else ""


_WORDS: Final[Mapping[str, Callable[[Amendment], str]]] = {
    "accept_session": lambda line: f"took the session as data, despite {', '.join(line.subject) or 'its journal'}",
    "accept_recording": lambda _line: "took the recording, despite what is missing",
    "replace_recording": lambda _line: "replaced the recording",
    "edit_protocol": _edited,
    "approve_gate": _approved,
    "hold": lambda _line: "held the study: nothing is shown until it is released",
    "release": lambda _line: "released the study",
    "add_images": images.said,
    "import_responses": imported.said,
    "amend_protocol": _amended,
    "change_rig": rigs.said,
    "move_study": moved.said,
    "withdraw": _withdrawn,
    "exclude": _left_out,
    "include": _taken_in,
    "close_day": _closed,
    "skip_day": lambda line: f"skipped the day{_though_shown(line)}",
    "unskip_day": lambda _line: "had the day after all, which was skipped",
    "add_block": lambda line: f"added session {line.block} to the day",
    "drop_block": lambda line: f"dropped session {line.block} of the day{_though_shown(line)}",
    "reopen_day": lambda _line: "opened the day again, so that its session can go on",
}


CHANGES: Final = frozenset(
    {"add_images", "amend_protocol", "change_rig", "import_responses", "move_study", "replace_recording"}
)
"""Kinds by which a study goes otherwise than it was made, and that nothing else tells in `status`."""


def in_words(line: Amendment) -> str:
    """Return what a line decided, in a few words, as what somebody did."""
    return _WORDS[line.kind](line) if line.kind in _WORDS else line.kind.replace("_", " ")


def what_does_not_count(amendments: Sequence[Amendment]) -> tuple[str, ...]:
    """Return what is left out and which days ended early, a line each."""
    return (*said_of_all(exclusions(amendments)), *(one.said for one in closed_days(amendments)))


@dataclass(frozen=True)
class ToldLine:
    """A line of the amendments, to be told.

    Attributes
    ----------
    number
        Of the line, from 1; `closedloop withdraw` takes it.
    taken_back_by
        Number of the line that took it back; None where it stands.
    replaced_by
        Number of the line that put others in place of what it imported; None where nothing did.
    """

    number: int
    line: Amendment
    taken_back_by: int | None
    replaced_by: int | None = None

    @property
    def words(self) -> str:
        """What was decided, and whether it still stands."""
        back = f" (taken back by line {self.taken_back_by})" if self.taken_back_by else ""
        instead = f" (no longer: line {self.replaced_by} replaced them)" if self.replaced_by else ""
        return f"{in_words(self.line)}{back}{instead}"

    @property
    def of_day(self) -> str:
        """Which day it is about, and which of its sessions where that is not the first."""
        return "the whole study" if self.line.day is None else Block(self.line.day, self.line.block).said

    @property
    def sentence(self) -> str:
        """All of it in one line: when, which day, who, what and why."""
        when = self.line.utc[:16].replace("T", " ")
        return f"{when} UTC, {self.of_day}, line {self.number}: {self.line.who} {self.words}. Why: {self.line.why}"


def told(amendments: Sequence[Amendment]) -> tuple[ToldLine, ...]:
    """Return all lines of a study with their numbers, in order."""
    back = withdrawals(amendments)
    numbers = {id(line): number for number, line in enumerate(amendments, start=1)}
    replaced = imported.replaced_by(amendments)
    return tuple(
        ToldLine(number, line, numbers[id(back[number])] if number in back else None, replaced.get(number))
        for number, line in enumerate(amendments, start=1)
    )
