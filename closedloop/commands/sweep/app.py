"""`closedloop sweep`: the options; what is done stands in this folder's other files, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.completion import complete_protocol
from closedloop.commands.extras import require_extra
from closedloop.plain_text.printed import printed
from closedloop.terminal.store_option import StoreOption, with_store

sweep_app = typer.Typer(rich_markup_mode=None)


@sweep_app.command("sweep")
def sweep(
    protocols: Annotated[
        list[str],
        typer.Argument(
            metavar="PROTOCOL", help="names of shipped protocols, or YAML files", autocompletion=complete_protocol
        ),
    ],
    *,
    subjects: Annotated[
        int, typer.Option(min=2, max=100_000, metavar="N", help="simulated subjects of each: sweep-000, sweep-001, ...")
    ] = 100,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for tables, figures and page")] = Path("sweep"),
    keep: Annotated[bool, typer.Option("--keep", help="keep each subject's study, in FOLDER/studies")] = False,
    json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="N or local:N processes, dask:N, tcp://HOST:PORT or slurm:FILE  [default: this machine]",
        ),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Measure how often what a study publishes is right: run a protocol whole around many simulated subjects.

    Counts how often the published 95 % intervals hold what the hidden cortex did, how often tests find what is there
    (power) and what is not (false alarms), each with its own interval. A subject is a piece of work for a worker. Run
    the same command again to resume; more subjects may be asked for then.
    """
    require_extra("lab")
    from closedloop.commands.sweep.run import run_sweep  # noqa: PLC0415

    lines = run_sweep(protocols, out, n_subjects=subjects, keep=keep, workers=with_store(workers, store))
    if not json:
        typer.echo(printed(lines))
        return
    from closedloop.studies.sweep.report import results_as_json  # noqa: PLC0415

    typer.echo(results_as_json(out))
