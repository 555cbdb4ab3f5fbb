"""`closedloop plan`: the options; what is done stands in `command.py`, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.completion import complete_protocol
from closedloop.commands.extras import require_extra
from closedloop.errors import visible

plan_app = typer.Typer(rich_markup_mode=None)


@plan_app.command("plan")
def plan(
    study: Annotated[
        Path | None, typer.Argument(metavar="STUDY", help="study folder; none to plan a day of a protocol alone")
    ] = None,
    *,
    day: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="recording day, from 0  [default: the next to be shown]")
    ] = None,
    block: Annotated[
        int | None,
        typer.Option(min=1, metavar="NUMBER", help="which of the day's sessions, from 1  [default: the next one]"),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(min=0.01, max=1_000, metavar="H", help="hours it is to fit into  [default: the protocol's]"),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="plan the day by another protocol, or without a study",
            autocompletion=complete_protocol,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    out: Annotated[Path | None, typer.Option(metavar="PAGE.html", help="write the plan as a page")] = None,
) -> None:
    """Say what a day will cost and can show, before the animal sits down.

    Presentations and hours with the trials that broke on the days before; the standard error to expect at each epsilon
    and site from their repetitions; the power to see growth or a difference; what to change to fit into --hours. By
    the protocol in force on the day, without what people left out. Nothing in the study is written.
    """
    require_extra("lab")
    from closedloop.commands.planned.command import PlanOptions, plan_day, write_page  # noqa: PLC0415

    asked = plan_day(PlanOptions(study, protocol, day=day, block=block, hours=hours), out=out)
    if out is not None:
        write_page(asked, out)
    typer.echo(asked.text(as_json=json))
    if out is not None and not json:
        typer.echo(visible(f"Open {out}"))
