"""What makes a session no data of an animal, by name, and what a journal cannot vouch for.

A name is what a person gives to take a session nevertheless (`closedloop accept-session --despite NAME`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import LaunchOpened
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block
from closedloop.errors import SessionError

Doubt = Literal["headless-display", "virtual-clock", "scripted-gaze", "mouse-gaze", "no-gaze", "file-codes"]
DOUBTS: tuple[Doubt, ...] = get_args(Doubt)

JOURNAL_KEY = "journal_sha256"
"""Where an amendment says which journal it accepts."""

_UNASKED = "taken as data by a version that asked nobody"

_WORDS: dict[Doubt, str] = {
    "headless-display": "there was no screen",
    "virtual-clock": "the clock was virtual",
    "scripted-gaze": "a script stood for the eye",
    "mouse-gaze": "the mouse stood for the eye",
    "no-gaze": "nobody's gaze held fixation",
    "file-codes": "digital codes never left the rig",
}


def doubts_of(journal: Journal) -> dict[Doubt, str]:
    """Return what makes a session no data of an animal: name and meaning, if any of its launches says so."""
    found = {name for launch in journal.launches for name in _doubts_of_launch(launch)}
    return {name: _WORDS[name] for name in DOUBTS if name in found}


def _doubts_of_launch(launch: LaunchOpened) -> set[Doubt]:
    says: dict[Doubt, bool] = {
        "headless-display": launch.display == "headless",
        "virtual-clock": launch.clock == "virtual",
        "scripted-gaze": launch.gaze == "scripted",
        "mouse-gaze": launch.gaze == "mouse",
        "no-gaze": launch.gaze == "none",
        "file-codes": launch.codes == "file",
    }
    return {name for name, is_so in says.items() if is_so}


def refuse_rehearsal(journal: Journal, place: Path) -> None:
    """Refuse the journal of a rehearsal or a training: no reason makes it data, so that none can be given.

    Parameters
    ----------
    journal
        Of the session.
    place
        Its file, for the message.

    Raises
    ------
    SessionError
        One of its launches was one.
    """
    kinds = {"rehearsal": "is_rehearsal", "training": "is_training"}
    found = [kind for kind, mark in kinds.items() if any(getattr(launch, mark) for launch in journal.launches)]
    for kind in found:
        raise SessionError(
            f"{place}: expected the journal of a session, found that of a {kind} ({kind}), which is never data. "
            "Bring what `rig present` wrote."
        )


def unvouched(journal: Journal) -> tuple[str, ...]:
    """Return what a journal says nothing about, a sentence each: rigs of version 0.1 wrote less."""
    notes = []
    if any(launch.is_rehearsal for launch in journal.launches):
        notes.append("the journal is of a rehearsal: a scripted monkey on the real rig, never data")
    if any(launch.is_training for launch in journal.launches):
        notes.append("the journal is of a training: the animal was taught to fixate, never data")
    if not journal.is_chained:
        notes.append("the journal's lines carry no checks: it is judged by the plan and its summary alone")
    if any(launch.gaze is None for launch in journal.launches):
        notes.append("the journal does not say whose gaze held fixation")
    if any(launch.codes is None for launch in journal.launches):
        notes.append("the journal does not say how digital codes left the rig")
    if overridden := overrides_of(journal):
        notes.append(f"the operator overrode checks of the rig: {', '.join(overridden)}")
    return tuple(notes)


def overrides_of(journal: Journal) -> tuple[str, ...]:
    """Return the checks of the rig that the operator overrode in any launch, by name."""
    return tuple(sorted({name for launch in journal.launches for name in launch.overrides}))


def taken_despite(
    amendments: Sequence[Amendment], *, block: Block, journal_sha256: str | None = None
) -> dict[str, str]:
    """Return what a session was taken despite: name, and meaning with who took it, when and why.

    Parameters
    ----------
    amendments
        The study's.
    block
        Which.
    journal_sha256
        Of the journal that is to be taken; None for any. An acceptance is of one journal, not of another brought later.
    """
    meanings = {str(name): words for name, words in _WORDS.items()}
    return {
        name: f"{meanings.get(name, name)}; taken as data by {amendment.who}, {amendment.utc}: {amendment.why}"
        for amendment in amendments
        if amendment.kind == "accept_session" and (amendment.day, amendment.block) == block
        if journal_sha256 in (None, amendment.after.get(JOURNAL_KEY))
        for name in amendment.subject
    }


def doubts_and_who_took_them(journal: Journal, amendments: Sequence[Amendment], *, block: Block) -> dict[str, str]:
    """Return what makes a session no data of an animal, with who took it nevertheless.

    Parameters
    ----------
    journal
        Of the session.
    amendments
        The study's.
    block
        Which.
    """
    taken = taken_despite(amendments, block=block)
    return {name: taken.get(name, f"{words}; {_UNASKED}") for name, words in doubts_of(journal).items()}
