"""The time of day for whoever waits: set forward or back by an hour, it takes nothing over an hour too early."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)  # goes on while the machine sleeps, and is set by nobody


@dataclass
class WaitingClock:
    """Seconds since 1970 that never jump forward: of the time of day and of what has really gone by, the earlier.

    Files were changed by the time of day. After it was set forward they seem an hour old, and are not; after it was set
    back they seem to come from the future, and a look that was remembered is no longer believed.

    Attributes
    ----------
    time_of_day, passed
        The machine's clocks.
    """

    time_of_day: Callable[[], float] = time.time
    passed: Callable[[], float] = _since_boot
    _start: float = field(init=False)

    def __post_init__(self) -> None:
        self._start = self.time_of_day() - self.passed()

    def now(self) -> float:
        """Return the time."""
        passed = self.passed()
        self._start = min(self._start, self.time_of_day() - passed)
        return self._start + passed


WAITING_CLOCK = WaitingClock()
"""Of this process."""
