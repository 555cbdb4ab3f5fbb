"""What a port can do whose device has a clock of its own: say what it says, to be logged beside the rig's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class ClockReading:
    """A device's clock, read once.

    Attributes
    ----------
    device
        Whose clock it is, for the journal.
    rig_s
        The rig's time in the middle of the question, seconds.
    device_s
        What the device said, seconds.
    uncertainty_s
        Half of the time that the question took: the two belong together as well as that.
    """

    device: str
    rig_s: float
    device_s: float
    uncertainty_s: float


@runtime_checkable
class Timed(Protocol):
    """A port whose device has a clock."""

    def clock(self) -> ClockReading | None:
        """Ask the device what time it is; at most a few ms, between trials. None where it does not say now.

        Raises
        ------
        SessionError
            The device is gone.
        """
        ...
