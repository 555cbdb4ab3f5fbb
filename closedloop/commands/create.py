"""Making a study on a terminal: how far the reading of its images is, clean Ctrl-C."""

from __future__ import annotations

import typer

from closedloop.commands.interrupts import interruptible
from closedloop.execution.progress import bar
from closedloop.study.create import Request, create_study


def create(request: Request) -> None:
    """Make the study that is asked for.

    Raises
    ------
    ClosedLoopError
        Something that the user can repair; nothing is left behind.
    typer.Exit
        Interrupted: code 130.
    """
    stopped = "Stopped; no study was made. Run the same command again: what was read of the images is remembered."
    with interruptible(stopped), bar("reading the images") as progress:
        create_study(request, progress=progress, tell=lambda line: typer.echo(line, err=True))
