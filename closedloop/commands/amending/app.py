"""Decisions about a study that is under way: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.extras import require_extra
from closedloop.errors import visible
from closedloop.plain_text.printed import printed

amending_app = typer.Typer(rich_markup_mode=None)

_Study = Annotated[Path, typer.Argument(metavar="STUDY", help="study folder")]
_Why = Annotated[str, typer.Option(metavar="TEXT", help="the reason; kept with the study and shown in its history")]
_By = Annotated[str | None, typer.Option(metavar="NAME", help="who decides  [default: the name of your account]")]


@amending_app.command("amend")
def amend(
    study: _Study,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML with the protocol's keys that differ")],
    from_day: Annotated[int, typer.Option(min=0, metavar="DAY", help="first day that differs, from 0")],
    why: _Why,
    by: _By = None,
) -> None:
    """Let later days go by other numbers of the protocol; earlier days keep theirs.

    FILE has sections and keys as protocol.yaml: epsilons, counts and repetitions (attack, images, controls),
    presentation.twin_separation_min, and what trial and gates have. Refused once the day, or a later one, has begun to
    be shown. Appends a line to the study's amendments.jsonl; `closedloop withdraw` takes it back.
    """
    require_extra("lab")
    from closedloop.commands.amending.protocol import amend_protocol  # noqa: PLC0415

    typer.echo(visible(amend_protocol(study, from_day=from_day, file=file, by=by, why=why)))


@amending_app.command("withdraw")
def withdraw(
    study: _Study,
    line: Annotated[
        int, typer.Argument(min=1, metavar="LINE", help="number of the line, as `closedloop history` says")
    ],
    why: _Why,
    by: _By = None,
) -> None:
    """Take an amendment back, as long as nothing recorded depends on it: the study is what it was without it.

    Appends a line to the study's amendments.jsonl.
    """
    require_extra("lab")
    from closedloop.commands.amending.protocol import withdraw_line  # noqa: PLC0415

    typer.echo(visible(withdraw_line(study, number=line, by=by, why=why)))


@amending_app.command("history")
def history(study: _Study, json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Tell what happened to a study, in order, with the time in UTC: days made, shown and recorded, gates, decisions.

    Decisions have the number of their line in amendments.jsonl, which `closedloop withdraw` takes.
    """
    from closedloop.commands.amending.history import history_as_json, history_lines, read_history  # noqa: PLC0415

    found = read_history(study)
    typer.echo(history_as_json(found) if json else printed(history_lines(found)))
