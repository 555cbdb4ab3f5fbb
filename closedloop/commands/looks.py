"""Commands that look at a study or at this machine: the options; what is done stands elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.completion import complete_protocol
from closedloop.commands.extras import require_extra
from closedloop.errors import visible
from closedloop.plain_text.printed import printed

looks_app = typer.Typer(rich_markup_mode=None)

_Study = Annotated[Path, typer.Argument(metavar="STUDY", help="study folder")]
_Json = Annotated[bool, typer.Option("--json", help="print JSON")]


@looks_app.command("plan")
def plan(
    study: Annotated[
        Path | None, typer.Argument(metavar="[STUDY]", help="study folder; none to plan a day of a protocol alone")
    ] = None,
    day: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="recording day, from 0  [default: the next to be shown]")
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1_000, metavar="H", help="fit the day into so many hours  [default: the protocol's]"
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="plan the day by another protocol, or without a study",
            autocompletion=complete_protocol,
        ),
    ] = None,
    json: _Json = False,
    out: Annotated[Path | None, typer.Option(metavar="PAGE.html", help="write the plan as a page")] = None,
) -> None:
    """Say what a day will cost and can show, before the animal sits down.

    Presentations and hours with the trials that broke on the days before; the standard error to expect at each epsilon
    and site from their repetitions; the power to see growth or a difference; what to change to fit into --hours.
    Nothing in the study is written.
    """
    require_extra("lab")
    from closedloop.commands.plan import plan_day, write_page  # noqa: PLC0415

    planned = plan_day(study, protocol=protocol, day=day, hours=hours, out=out)
    if out is not None:
        write_page(planned, out, study=study, protocol=protocol)
    typer.echo(planned.text(as_json=json))
    if out is not None and not json:
        typer.echo(visible(f"Open {out}"))


@looks_app.command("verify")
def verify(study: _Study, json: _Json = False) -> None:
    """Read a study from its first byte to its last, and print a line for every fault; exit code 1 if there is one.

    Reads every published file, recordings too, the images, the base model and the journals; nothing is written.
    """
    require_extra("lab")
    from closedloop.commands.verify import verify as verify_on_a_terminal  # noqa: PLC0415

    verify_on_a_terminal(study, as_json=json)


@looks_app.command("report")
def report(study: _Study) -> None:
    """Regenerate the report pages and sensitivity.csv, from files that are what their manifests promise."""
    require_extra("lab")
    from closedloop.artifacts.study import StudyPaths  # noqa: PLC0415
    from closedloop.study.loop import read_identity  # noqa: PLC0415
    from closedloop.study.pages import draw_pages  # noqa: PLC0415

    paths = StudyPaths(Path(os.path.realpath(study)))  # resolve() breaks at a link to itself
    read_identity(paths)
    typer.echo(visible(f"Open {draw_pages(paths)}"))


@looks_app.command("doctor")
def doctor(json: _Json = False) -> None:
    """Check that this machine can run closedloop.

    Covers libraries, disk space, display, and writing and reading back each kind of file.
    """
    from closedloop.commands.doctor import check_machine, checks_as_json, checks_lines  # noqa: PLC0415

    checks = check_machine()
    typer.echo(checks_as_json(checks) if json else printed(checks_lines(checks)))
    if any(check.result == "FAIL" for check in checks):
        raise typer.Exit(1)
