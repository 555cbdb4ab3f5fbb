"""The port to the reward valve."""

from __future__ import annotations

from typing import Protocol


class Reward(Protocol):
    """A valve that can be opened for some time."""

    @property
    def name(self) -> str:
        """What gives it, for the journal: the device's name, or none."""
        ...

    def give(self, duration_ms: float) -> None:
        """Tell the valve to open, and return at once; it closes by itself.

        Raises
        ------
        SessionError
            The device is gone.
        """
        ...

    def acknowledged(self) -> list[float]:
        """Return the durations in ms that the device has confirmed since it was asked last, in their order.

        Raises
        ------
        SessionError
            The device is gone.
        """
        ...

    def close(self) -> None:
        """Release the valve, closed."""
        ...


NOBODY = "none"
"""Name of a reward that nobody gives: it is neither told nor waited for, and none is counted."""


class SilentReward:
    """No valve."""

    name = NOBODY

    def give(self, duration_ms: float) -> None:
        """Give nothing."""

    def acknowledged(self) -> list[float]:
        """Return nothing: nothing was given."""
        return []

    def close(self) -> None:
        """Do nothing."""


class LoggedReward:
    """A valve for tests: remembers what it gave, and confirms it when it is asked next."""

    name = "logged"

    def __init__(self) -> None:
        self.given_ms: list[float] = []
        self._unconfirmed_ms: list[float] = []

    def give(self, duration_ms: float) -> None:
        """Remember the duration."""
        self.given_ms.append(duration_ms)
        self._unconfirmed_ms.append(duration_ms)

    def acknowledged(self) -> list[float]:
        """Confirm what was given."""
        confirmed_ms, self._unconfirmed_ms = self._unconfirmed_ms, []
        return confirmed_ms

    def close(self) -> None:
        """Do nothing."""
