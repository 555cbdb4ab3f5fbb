"""What a port can do whose device answers: be looked at after each flip, and be opened again."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Wired(Protocol):
    """A port that learns later what became of what it was told."""

    def check(self) -> None:
        """Look at what came since; returns at once.

        Raises
        ------
        SessionError
            The device is gone, or did not do what it was told; each fault is raised once.
        """
        ...

    def mend(self) -> None:
        """Open the device again if it failed; may take seconds, and is called when the operator continues.

        Raises
        ------
        SessionError
            It is still not there.
        """
        ...
