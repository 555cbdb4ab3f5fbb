"""The port to the recording system: start it, comment into it, see that it records, stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from closedloop.artifacts.day.journal_rows import RecordingSeenBy
from closedloop.artifacts.rig.ports import RecorderKind
from closedloop.errors import SessionError

MAX_COMMENT_BYTES = 127  # Central cuts longer comments in silence

Idle = Callable[[], None]
"""Called again and again while a recorder is waited for: shows grey, or lets some ms pass."""


@dataclass(frozen=True)
class Take:
    """A recording from its start to its stop: one file, or one of each kind.

    Attributes
    ----------
    session_id
        What it is of: the recording's comment.
    file
        Its name without an ending; a new one for each take.
    launch, part
        Number of the rig's launch, from 0, and of the recording within it, from 1.
    """

    session_id: str
    file: str
    launch: int
    part: int


@dataclass(frozen=True)
class RecordingSeen:
    """What shows that a recording has begun or ended.

    Attributes
    ----------
    by
        In the journal's words.
    words
        For the operator.
    doubt
        What could not be seen, with what to do about it; empty where everything was.
    file
        What the file is really called, where that was seen; empty where it was not.
    """

    by: RecordingSeenBy
    words: str
    doubt: str = ""
    file: str = ""


class Recorder(Protocol):
    """A recording system."""

    @property
    def name(self) -> str:
        """Who records, for the journal: a device's name, by_hand, or none."""
        ...

    @property
    def is_told(self) -> bool:
        """Whether somebody starts and stops it, so that the journal notes its recordings."""
        ...

    @property
    def hears_comments(self) -> bool:
        """Whether a comment stands in the recording."""
        ...

    @property
    def take(self) -> Take | None:
        """What is recorded now, as far as is known; None where nothing is, or a device was lost."""
        ...

    def start(self, take: Take, idle: Idle, /) -> RecordingSeen:
        """Begin to record, and wait until that is seen.

        Raises
        ------
        SessionError
            It does not record.
        """
        ...

    def look(self) -> None:
        """Look between trials whether it still records; may take some ms.

        Raises
        ------
        SessionError
            It does not, though it was not stopped; each fault is raised once.
        """
        ...

    def known_ago_s(self) -> float | None:
        """Return how long ago the recording was last known to be on, seconds; None where nobody can know.

        Of one that was lost too, until the next one starts.
        """
        ...

    def confirm(self, ago_s: float, idle: Idle, /) -> None:
        """Wait until the recording is known to have been on so many seconds ago; returns at once where nobody can know.

        Raises
        ------
        SessionError
            It ended before.
        """
        ...

    def comment(self, text: str, /) -> None:
        """Write a comment into the recording."""
        ...

    def stop(self, idle: Idle, /) -> RecordingSeen:
        """End the recording, and wait until that is seen.

        Raises
        ------
        SessionError
            It goes on.
        """
        ...

    def close(self) -> None:
        """Let it go, and stop what it still records."""
        ...


@runtime_checkable
class AskedRecorder(Protocol):
    """A recorder that a person starts: the session waits for the person's word before `start` looks."""

    def question(self, take: Take) -> str:
        """Return what is asked of the operator."""
        ...


def checked_comment(text: str) -> str:
    """Return a comment that a recorder keeps whole.

    Raises
    ------
    SessionError
        It is longer: Central would cut it in silence.
    """
    n_bytes = len(text.encode())
    if n_bytes > MAX_COMMENT_BYTES:
        raise SessionError(
            f"recorder comment: expected at most {MAX_COMMENT_BYTES} bytes, found {n_bytes}. "
            "Shorten the session's name."
        )
    return text


class NoRecorder:
    """Nobody records; or a person does, whom nobody asks.

    Parameters
    ----------
    name
        Which of the two: none, or by_hand.
    """

    is_told = hears_comments = False
    take: Take | None = None

    def __init__(self, name: RecorderKind = "none") -> None:
        self.name: str = name

    def start(self, _take: Take, _idle: Idle) -> RecordingSeen:
        """Do nothing."""
        return RecordingSeen("nobody", "")

    def look(self) -> None:
        """Do nothing."""

    def known_ago_s(self) -> float | None:
        """Return None: nobody knows."""
        return None

    def confirm(self, _ago_s: float, _idle: Idle) -> None:
        """Do nothing."""

    def comment(self, _text: str) -> None:
        """Do nothing."""

    def stop(self, _idle: Idle) -> RecordingSeen:
        """Do nothing."""
        return RecordingSeen("nobody", "")

    def close(self) -> None:
        """Do nothing."""


class SimulatedRecorder:
    """A recorder without electrodes: remembers its orders, and refuses what a real one would cut."""

    name = "simulated"
    is_told = hears_comments = True

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.take: Take | None = None

    def start(self, take: Take, _idle: Idle) -> RecordingSeen:
        """Remember the start."""
        self.events.append(("start", take.file))
        self.comment(take.session_id)
        self.take = take
        return RecordingSeen("nobody", f"{take.file} is simulated")

    def look(self) -> None:
        """Do nothing: nothing can go wrong."""

    def known_ago_s(self) -> float | None:
        """Return None: nothing is recorded that could be missed."""
        return None

    def confirm(self, _ago_s: float, _idle: Idle) -> None:
        """Do nothing: nothing can go wrong."""

    def comment(self, text: str) -> None:
        """Remember a comment.

        Raises
        ------
        SessionError
            The comment is longer than a recorder keeps.
        """
        self.events.append(("comment", checked_comment(text)))

    def stop(self, _idle: Idle) -> RecordingSeen:
        """Remember the stop."""
        self.events.append(("stop", ""))
        self.take = None
        return RecordingSeen("nobody", "stopped")

    def close(self) -> None:
        """Stop what is still recorded."""
        if self.take is not None:
            self.stop(lambda: None)
