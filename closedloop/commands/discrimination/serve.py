"""`closedloop discrimination serve`: the page on this machine alone, until it is asked to end."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from types import FrameType

import typer

from closedloop.artifacts.discrimination.experiment import open_experiment
from closedloop.errors import DocumentError, ExecutionError, visible
from closedloop.service.web.discrimination.app import discrimination_app
from closedloop.service.web.serving import serving
from closedloop.storage import resolved
from closedloop.terminal.at_once import answer
from closedloop.terminal.signals import INTERRUPTED

_TOKEN_BYTES = 24


def serve_experiment(folder: Path, *, port: int) -> None:
    """Serve an experiment's page until the end is asked for.

    Raises
    ------
    DocumentError
        The folder is no experiment of people.
    ExecutionError
        The port is taken, or the page broke off.
    typer.Exit
        Ended by Ctrl-C or a closed terminal: code 130.
    """
    experiment = open_experiment(resolved(folder))
    if experiment.document.simulated:
        raise DocumentError(
            f"{folder}: expected an experiment for people, found one of simulated observers. Prepare another one: "
            "closedloop discrimination prepare."
        )
    experiment.images()
    over, why = threading.Event(), list[str]()
    token = secrets.token_urlsafe(_TOKEN_BYTES)

    def end(_number: int, _frame: FrameType | None) -> None:
        over.set()

    def break_off(reason: str) -> None:
        why.append(reason)
        over.set()

    answer(end)
    with serving(discrimination_app(experiment, token=token), port=port, broke_off=break_off) as found:
        typer.echo(visible(f"Open http://127.0.0.1:{found}/#token={token}"))
        typer.echo(visible(f"Answers go to {experiment.paths.journals}. Ctrl-C ends."))
        over.wait()
    if why:
        raise ExecutionError(
            f"serve: expected the page to be served, found that it broke off ({why[0]}). Start it again."
        )
    raise typer.Exit(INTERRUPTED)
