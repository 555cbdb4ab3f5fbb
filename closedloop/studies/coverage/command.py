"""`closedloop studies coverage`: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

app = typer.Typer(rich_markup_mode=None)


@app.command("coverage")
def coverage(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for tables, figure and page")] = Path("coverage"),
    *,
    experiments: Annotated[
        int, typer.Option(min=2, max=100_000, metavar="N", help="simulated experiments, five with each subject")
    ] = 400,
    repetitions: Annotated[
        str,
        typer.Option(
            metavar="N,N,...", help="showings of attacked, control and fresh clean images, set apart by commas"
        ),
    ] = "2,4",
    sites: Annotated[int, typer.Option(min=6, max=48, metavar="N", help="recorded sites")] = 21,
    images_per_site: Annotated[int, typer.Option(min=2, max=1000, metavar="N", help="attacked anchors a site")] = 12,
    anchors: Annotated[
        int, typer.Option(min=2, max=10_000, metavar="N", help="anchors that the sites share by turns")
    ] = 84,
    seed: Annotated[int, seed_option("seed of subjects, images and spikes")] = 0,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="N or local:N processes, dask:N, tcp://HOST:PORT or slurm:FILE  [default: this machine]",
        ),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Measure how often the day's intervals cover what is true, and how often its tests ring, on simulated subjects.

    The default takes some minutes on two cores. Run the same command again to resume; more experiments may be asked for
    then.
    """
    workers = with_store(workers, store)
    from closedloop.execution.progress import bar  # noqa: PLC0415
    from closedloop.studies.coverage.options import CoverageOptions, check_options, coverage_command  # noqa: PLC0415
    from closedloop.studies.places import alone_in  # noqa: PLC0415

    options = CoverageOptions(
        n_experiments=experiments,
        repetitions=repetitions,
        n_sites=sites,
        images_per_site=images_per_site,
        n_anchors=anchors,
        seed=seed,
    )
    study = check_options(options, out, workers=workers)
    from closedloop.attacks.engine.devices import own_workers  # noqa: PLC0415 - torch, once all that can be is checked
    from closedloop.execution.workers import parse_workers  # noqa: PLC0415
    from closedloop.studies.coverage.run import run_coverage  # noqa: PLC0415

    who = own_workers() if workers is None else parse_workers(workers)
    with alone_in(out, "coverage_study"), bar("coverage") as progress:
        lines = run_coverage(study, out, workers=who, command=coverage_command(options), progress=progress)
    typer.echo(printed(lines))
