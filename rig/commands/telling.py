"""`rig tell`: ask a running rig for something."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from closedloop.errors import visible
from closedloop.plain_text.printed import printed
from rig.commands.options import SessionFolder


def tell(
    session: SessionFolder,
    what: Annotated[
        Literal["status", "pause", "continue", "reward", "skip", "recalibrate", "shift", "quit"],
        typer.Argument(metavar="WHAT", help="status, pause, continue, reward, skip, recalibrate, shift or quit"),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="where its journal goes, if several rigs show this session, or none does any more"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Ask a running rig for something, from another terminal. Exit code 1 if it was not done."""
    from rig.operator.tell import ask_status, status_json, status_lines, tell  # noqa: PLC0415
    from rig.training.folder import shown_session  # noqa: PLC0415

    given, session = session, shown_session(session)
    if session != given and out is None:  # of a training, whose journal lies beside what it shows
        out = session.parent
    if what == "status":
        state = ask_status(session, out)
        typer.echo(status_json(state) if as_json else printed(status_lines(state)))
        return
    told = tell(session, out, what)
    if as_json:
        typer.echo(json.dumps(asdict(told)))
    else:
        typer.echo(visible(f"{what}: {told.words}"))
    if told.outcome != "done":
        raise typer.Exit(1)
