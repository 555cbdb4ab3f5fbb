"""`closedloop discrimination serve`: the page on this machine alone, until it is asked to end."""

from __future__ import annotations

import threading
from pathlib import Path
from types import FrameType

import typer

from closedloop.artifacts.discrimination.experiment import open_experiment
from closedloop.artifacts.discrimination.served_link import keep_link, kept_link, new_link
from closedloop.errors import DocumentError, ExecutionError, visible
from closedloop.service.web.discrimination.app import discrimination_app
from closedloop.service.web.serving import serving
from closedloop.storage import make_folder, resolved
from closedloop.studies.discrimination.preparation.page_files import check_page
from closedloop.terminal.at_once import answer
from closedloop.terminal.signals import INTERRUPTED


def serve_experiment(folder: Path, *, port: int | None) -> None:
    """Serve an experiment's page until the end is asked for.

    Parameters
    ----------
    folder
        Of the experiment.
    port
        Where; None: where it was served before, else at a free one.

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
    check_page(experiment)
    kept = kept_link(experiment.paths)
    link = kept or new_link()
    over, why = threading.Event(), list[str]()

    def end(_number: int, _frame: FrameType | None) -> None:
        over.set()

    def break_off(reason: str) -> None:
        why.append(reason)
        over.set()

    answer(end)
    app = discrimination_app(experiment, token=link.token)
    with serving(app, port=link.port if port is None else port, broke_off=break_off) as found:
        make_folder(experiment.paths.journals)
        keep_link(experiment.paths, link.model_copy(update={"port": found}))
        typer.echo(visible(f"Open http://127.0.0.1:{found}/#token={link.token}"))
        if kept is not None and kept.port != found:
            typer.echo(
                visible(f"It was served at {kept.port} before: what a browser kept and could not send lies under that.")
            )
        typer.echo(visible(f"Answers go to {experiment.paths.journals}. Ctrl-C ends."))
        over.wait()
    if why:
        raise ExecutionError(
            f"serve: expected the page to be served, found that it broke off ({why[0]}). Start it again."
        )
    raise typer.Exit(INTERRUPTED)
