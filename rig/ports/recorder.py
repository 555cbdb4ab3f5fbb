"""The port to the recording system: start it, comment into it, stop it."""

from __future__ import annotations

from typing import Protocol

from closedloop.artifacts.rig.ports import RecorderKind
from closedloop.errors import SessionError

MAX_COMMENT_BYTES = 127  # Central cuts longer comments in silence


class Recorder(Protocol):
    """A recording system."""

    @property
    def name(self) -> str:
        """Who records, for the journal: a device's name, by_hand, or none."""
        ...

    def start(self, session_id: str) -> None:
        """Begin to record under this name."""
        ...

    def comment(self, text: str) -> None:
        """Write a comment into the recording."""
        ...

    def stop(self) -> None:
        """End the recording."""
        ...


class NoRecorder:
    """The operator starts and stops the recording by hand, or nobody records.

    Parameters
    ----------
    name
        Which of the two: by_hand, or none.
    """

    def __init__(self, name: RecorderKind = "none") -> None:
        self.name: str = name

    def start(self, session_id: str) -> None:
        """Do nothing."""

    def comment(self, text: str) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class SimulatedRecorder:
    """A recorder without electrodes: remembers its orders, and refuses what a real one would cut."""

    name = "simulated"

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def start(self, session_id: str) -> None:
        """Remember the start."""
        self.events.append(("start", session_id))

    def comment(self, text: str) -> None:
        """Remember a comment.

        Raises
        ------
        SessionError
            The comment is longer than a recorder keeps.
        """
        if len(text.encode()) > MAX_COMMENT_BYTES:
            raise SessionError(
                f"recorder comment: expected at most {MAX_COMMENT_BYTES} bytes, found {len(text.encode())}. "
                "Shorten the session's name."
            )
        self.events.append(("comment", text))

    def stop(self) -> None:
        """Remember the stop."""
        self.events.append(("stop", ""))
