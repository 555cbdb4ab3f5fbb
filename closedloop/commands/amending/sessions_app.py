"""Which sessions a study has: the options of the commands; what is done stands in `sessions.py`."""

from __future__ import annotations

from typing import Annotated

import typer

from closedloop.commands.amending.options import By, OneDay, StudyFolder, Why
from closedloop.errors import visible

sessions_app = typer.Typer(rich_markup_mode=None)

_WasShown = Annotated[
    bool,
    typer.Option(
        "--was-shown", help="it was shown, or some of it, though neither journal nor recording is in the study"
    ),
]


@sessions_app.command("skip-day")
def skip_day(study: StudyFolder, day: OneDay, why: Why, by: By = None, was_shown: _WasShown = False) -> None:
    """Go on without a day: it is not shown, or its recording is lost for good.

    The next day begins with the last model. Images that nobody was shown are offered to the next day; those of a
    session that was shown count as used. Appends a line to the study's amendments.jsonl; `closedloop unskip-day` takes
    it back.
    """
    from closedloop.commands.amending.sessions import change_sessions  # noqa: PLC0415

    typer.echo(visible(change_sessions(study, "skip-day", day=day, by=by, why=why, was_shown=was_shown)))


@sessions_app.command("unskip-day")
def unskip_day(study: StudyFolder, day: OneDay, why: Why, by: By = None) -> None:
    """Have a skipped day after all, as long as no later session was shown.

    Appends a line to the study's amendments.jsonl.
    """
    from closedloop.commands.amending.sessions import change_sessions  # noqa: PLC0415

    typer.echo(visible(change_sessions(study, "unskip-day", day=day, by=by, why=why)))


@sessions_app.command("add-block")
def add_block(
    study: StudyFolder,
    day: OneDay,
    why: Why,
    by: By = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="the day's session that was dropped after it was shown: its recording is found"),
    ] = False,
) -> None:
    """Have one more session on a day, with the model of the one before: in the folder day-03.2, for example.

    Refused once a later session was shown. Appends a line to the study's amendments.jsonl; `closedloop drop-block`
    takes it back.
    """
    from closedloop.commands.amending.sessions import change_sessions  # noqa: PLC0415

    typer.echo(visible(change_sessions(study, "add-block", day=day, by=by, why=why, again=again)))


@sessions_app.command("drop-block")
def drop_block(study: StudyFolder, day: OneDay, why: Why, by: By = None, was_shown: _WasShown = False) -> None:
    """Go on without a day's last session, where it has more than one: it is not shown, or its recording is lost.

    Refused once it is ingested. Appends a line to the study's amendments.jsonl.
    """
    from closedloop.commands.amending.sessions import change_sessions  # noqa: PLC0415

    typer.echo(visible(change_sessions(study, "drop-block", day=day, by=by, why=why, was_shown=was_shown)))
