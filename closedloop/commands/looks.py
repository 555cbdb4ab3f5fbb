"""Commands that look at a study or at this machine: the options; what is done stands elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.amending.options import StudyFolder
from closedloop.commands.extras import require_extra
from closedloop.errors import visible
from closedloop.plain_text.printed import printed

looks_app = typer.Typer(rich_markup_mode=None)

_Json = Annotated[bool, typer.Option("--json", help="print JSON")]


@looks_app.command("verify")
def verify(study: StudyFolder, json: _Json = False) -> None:
    """Read a study from its first byte to its last, and print a line for every fault; exit code 1 if there is one.

    Reads every published file, recordings too, the images, the base model and the journals; nothing is written.
    """
    require_extra("lab")
    from closedloop.commands.verify import verify as verify_on_a_terminal  # noqa: PLC0415

    verify_on_a_terminal(study, as_json=json)


@looks_app.command("report")
def report(study: StudyFolder) -> None:
    """Regenerate the report pages and sensitivity.csv, from files that are what their manifests promise."""
    require_extra("lab")
    from closedloop.artifacts.study import StudyPaths  # noqa: PLC0415
    from closedloop.study.loop import read_identity  # noqa: PLC0415
    from closedloop.study.outdated.stages import outdated_stages  # noqa: PLC0415
    from closedloop.study.outdated.told import by_session  # noqa: PLC0415
    from closedloop.study.pages import draw_pages  # noqa: PLC0415

    paths = StudyPaths(Path(os.path.realpath(study)))  # resolve() breaks at a link to itself
    outdated = outdated_stages(paths, *read_identity(paths))
    typer.echo(visible(f"Open {draw_pages(paths, by_session(outdated))}"))


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
