"""`closedloop serve`: the options; what is done stands in this folder's other files, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.extras import require_extra
from closedloop.terminal.store_option import StoreOption, with_store

serve_app = typer.Typer(rich_markup_mode=None)

_A_DAY_S = 86_400


@serve_app.command("serve")
def serve(
    studies: Annotated[list[Path] | None, typer.Argument(metavar="STUDY...", help="study folders")] = None,
    *,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            metavar="PORT",
            help="where this machine alone sees the page  [default: as last time, or one that is free]",
        ),
    ] = None,
    notice: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="run with JSON on its standard input when a study waits, is held, fails, crashes, does not move, or "
            "is done",
        ),
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(metavar="WORKERS", help="where attacks are computed, as `closedloop run` takes it"),
    ] = None,
    store: StoreOption = None,
    settle: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=_A_DAY_S,
            metavar="SECONDS",
            help="for how long files that are brought must not have changed  [default: 60]",
        ),
    ] = None,
    unit: Annotated[bool, typer.Option("--unit", help="print a systemd user unit of this command line")] = False,
    test_notice: Annotated[bool, typer.Option("--test-notice", help="run the notice command once, as a test")] = False,
) -> None:
    """Keep the loops of one or several studies running, and tell when a person is needed.

    Runs until it is asked to end; started again, it goes on. A loop that crashes is started again.
    """
    workers = with_store(workers, store)
    require_extra("service")
    require_extra("lab")
    from closedloop.commands.serve import command  # noqa: PLC0415

    request = command.ServeRequest(tuple(studies or ()), port, notice, workers, settle)
    if unit:
        command.print_unit(request)
    elif test_notice:
        command.try_notice(request)
    else:
        command.serve(request)
