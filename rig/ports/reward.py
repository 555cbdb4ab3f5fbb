"""The port to the reward valve."""

from __future__ import annotations

from typing import Protocol


class Reward(Protocol):
    """A valve that can be opened for some time."""

    @property
    def name(self) -> str:
        """What gives reward, for the journal: the device's name, or none."""
        ...

    def give(self, duration_ms: float) -> None:
        """Open the valve and return at once; it closes by itself."""
        ...

    def close(self) -> None:
        """Release the valve, closed."""
        ...


class SilentReward:
    """No valve: what would have been given is in the journal."""

    name = "none"

    def give(self, duration_ms: float) -> None:
        """Give nothing."""

    def close(self) -> None:
        """Do nothing."""


class LoggedReward:
    """A valve for tests: remembers what it gave."""

    name = "logged"

    def __init__(self) -> None:
        self.given_ms: list[float] = []

    def give(self, duration_ms: float) -> None:
        """Remember the duration."""
        self.given_ms.append(duration_ms)

    def close(self) -> None:
        """Do nothing."""
