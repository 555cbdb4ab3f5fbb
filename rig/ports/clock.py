"""The rig's clocks: the computer's, and a virtual one that only flips move."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Literal, Protocol

ClockKind = Literal["virtual", "real"]


class Clock(Protocol):
    """What time it is on the rig."""

    @property
    def kind(self) -> ClockKind:
        """Whether waiting takes time."""
        ...

    def now_s(self) -> float:
        """Return the rig's time in seconds; never runs backwards."""
        ...

    def utc(self) -> str | None:
        """Return the wall clock as ISO 8601, or None where there is none."""
        ...


class RealClock:
    """The computer's monotonic clock: it runs on between launches, so that those of a session line up."""

    kind: ClockKind = "real"

    def now_s(self) -> float:
        """Return seconds since the computer was started."""
        return time.monotonic()

    def utc(self) -> str:
        """Return the wall clock, ISO 8601."""
        return datetime.now(UTC).isoformat(timespec="milliseconds")


class VirtualClock:
    """A clock that counts frames, so that its times are exact and a resumed run gets the very same ones.

    Parameters
    ----------
    refresh_hz
        Frames per second.
    start_s
        The time to begin at; a resumed run passes the end of the last finished trial.
    """

    kind: ClockKind = "virtual"

    def __init__(self, refresh_hz: float, *, start_s: float = 0.0) -> None:
        self._refresh_hz = refresh_hz
        self._frame = round(start_s * refresh_hz)

    @property
    def frame(self) -> int:
        """Frames since the session began."""
        return self._frame

    def advance(self, n_frames: int) -> None:
        """Let a number of frames pass."""
        self._frame += n_frames

    def now_s(self) -> float:
        """Return the virtual time in seconds."""
        return self._frame / self._refresh_hz

    def utc(self) -> None:
        """Return None: no wall clock belongs to a virtual session."""
        return None
