"""Somebody at the terminal of `closedloop new`: questions and lines on standard error, answers kept in a file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from closedloop.commands.new.answers import keep_answers
from closedloop.errors import visible


def is_somebody_there() -> bool:
    """Return whether questions are read and can be answered."""
    return sys.stdin.isatty() and sys.stderr.isatty()


@dataclass(frozen=True)
class AtTerminal:
    """A person at a terminal.

    Attributes
    ----------
    kept
        Where answers are written down as they come.
    """

    kept: Path

    def ask(self, question: str, proposed: str | None) -> str:
        """Put a question.

        Parameters
        ----------
        question
            In a line.
        proposed
            What Enter takes; None: nothing, and the answer is empty.
        """
        shown = proposed is not None
        return str(typer.prompt(visible(question), default=proposed or "", show_default=shown, err=True))

    def say(self, line: str) -> None:
        """Say a line."""
        typer.echo(visible(line), err=True)

    def keep(self, answers: Mapping[str, str]) -> None:
        """Write down what was answered so far."""
        keep_answers(self.kept, answers)
