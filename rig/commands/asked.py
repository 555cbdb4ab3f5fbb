"""Questions of a calibration to the person who stands at the rig; without a terminal there is none."""

from __future__ import annotations

import sys

import typer

from closedloop.errors import OptionError, visible


def refuse_nobody(command: str, *, otherwise: str) -> None:
    """Refuse to ask where nobody reads the question.

    Parameters
    ----------
    command
        What asks.
    otherwise
        What can be done without a terminal.

    Raises
    ------
    OptionError
        There is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise OptionError(f"{command}: expected somebody at a terminal, found none. Run it in one, or {otherwise}.")


def confirmed(question: str) -> bool:
    """Ask something whose answer is no unless somebody says yes."""
    return bool(typer.confirm(visible(question), default=False, err=True))


def typed(question: str) -> str:
    """Ask for something to be typed."""
    return str(typer.prompt(visible(question), err=True))


def told(line: str) -> None:
    """Tell a line to whoever is asked."""
    typer.echo(visible(line), err=True)


def keep_anyway(doubts: list[str], *, is_asked: bool, accept: bool) -> bool:
    """Tell what is implausible and whether it is stored; return whether it is kept all the same, by word or option.

    Parameters
    ----------
    doubts
        In words.
    is_asked
        Whether somebody can be asked.
    accept
        Whether the option said so.
    """
    for doubt in doubts:
        told(f"WARN  {doubt}")
    if not doubts or accept or (is_asked and confirmed("Keep it all the same?")):
        return True
    told("Nothing was stored." if is_asked else "Nothing was stored; with --accept it is, all the same.")
    return False
