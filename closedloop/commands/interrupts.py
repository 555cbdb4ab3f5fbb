"""Ctrl-C and SIGTERM end a long command in the same way: one line that says how to resume, and a shell's exit code."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

_EXIT_INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C


@contextmanager
def interruptible(message: str) -> Iterator[None]:
    """End the command with a message where the block is interrupted.

    Raises
    ------
    typer.Exit
        Interrupted: code 130.
    """
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(message, err=True)
        raise typer.Exit(_EXIT_INTERRUPTED) from None


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
