"""What an eye tracker can do beyond saying where the animal looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from closedloop.terminal.streams import one_line
from rig.ports.timed import ClockReading

ToDegrees = Callable[[float, float], tuple[float, float]]
"""From the two values of a tracker's sample, in its own unit, to degrees from the fixation point: right and up."""


@dataclass(frozen=True)
class TrackerStatus:
    """What is known of a tracker from its samples, and from nothing else.

    Attributes
    ----------
    name
        Which tracker it says to be.
    rate_hz
        Samples per second, counted.
    age_s
        How old its last sample is.
    has_eye
        Whether there was an eye in the samples that were looked at.
    keeps
        What it writes itself, such as the file on its own disk; empty where it writes nothing.
    """

    name: str
    rate_hz: float
    age_s: float
    has_eye: bool
    keeps: str = ""


@runtime_checkable
class Tracker(Protocol):
    """A source of gaze that is a device: it has a clock (`Timed`), and can fail and be mended (`Wired`)."""

    @property
    def silent_after_s(self) -> float:
        """How long no sample may come of it while all is well, seconds: two of its samples, or of its packets."""
        ...

    def status(self) -> TrackerStatus | None:
        """Return what its samples say of it; None of what is no tracker."""
        ...

    def note_code(self, code: int) -> None:
        """Note a digital code in the tracker's own file as it is sent, where it has one; returns at once."""
        ...

    def clock(self) -> ClockReading | None:
        """Ask for the time on its clock. See `Timed.clock`."""
        ...

    def check(self) -> None:
        """Look whether it is there still. See `Wired.check`."""
        ...

    def mend(self) -> None:
        """Open it again if it failed. See `Wired.mend`."""
        ...


def said(error: Exception) -> str:
    """Return what a maker's library says of a failure, as part of a line."""
    return one_line(str(error)).strip().rstrip(".") or type(error).__name__
