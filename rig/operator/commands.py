"""What an operator asks of a running session, wherever it was asked: a key of a window, or another terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from closedloop.artifacts.day.journal_rows import CommandName

CommandOrigin = Literal["key", "terminal"]


def _nobody(_words: str) -> None:
    """Answer nobody."""


@dataclass(frozen=True)
class Command:
    """Something that was asked.

    Attributes
    ----------
    name
        What. Pausing a paused session and continuing one that runs change nothing.
    origin
        Where it was asked.
    answer, refuse
        One of the two is to be called once, in words, when it is known what became of it: that it is so now ("paused",
        "reward 80 ms: given"), or why it is not ("no reward: the rig has no valve"). Who asked waits for it.
    """

    name: CommandName
    origin: CommandOrigin
    answer: Callable[[str], None] = field(default=_nobody, compare=False, repr=False)
    refuse: Callable[[str], None] = field(default=_nobody, compare=False, repr=False)


class Commands(Protocol):
    """Where commands come from."""

    def poll(self) -> tuple[Command, ...]:
        """Return what was asked since the last call, oldest first; never waits."""
        ...


class NoCommands:
    """Nobody asks anything."""

    def poll(self) -> tuple[Command, ...]:
        """Return nothing."""
        return ()
