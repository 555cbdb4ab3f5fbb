"""Ctrl-C, SIGTERM and a closed terminal end a long command alike: one line that says how to resume, and code 130."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from closedloop.terminal.signals import INTERRUPTED, at_work, note_end_told
from closedloop.terminal.streams import say


@contextmanager
def interruptible(message: str) -> Iterator[None]:
    """End the command with a message where the block is interrupted.

    Raises
    ------
    typer.Exit
        Interrupted: code 130.
    """
    try:
        with at_work():
            yield
    except KeyboardInterrupt:
        say(message)
        note_end_told()
        raise typer.Exit(INTERRUPTED) from None
