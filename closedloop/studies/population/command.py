"""`closedloop studies population`: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

app = typer.Typer(rich_markup_mode=None)

_PROTOCOL = "population"


@app.command("population")
def population(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for tables and page")] = Path("population"),
    *,
    study: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="a study whose published files are decoded  [default: a simulated one is made]"
        ),
    ] = None,
    truth: Annotated[
        bool, typer.Option(help="of a simulated study, what its hidden cortex answers, beside what was recorded")
    ] = True,
    seed: Annotated[int, seed_option("seed of folds, shuffles and random starts")] = 0,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="N or local:N processes, dask:N, tcp://HOST:PORT or slurm:FILE  [default: this machine]",
        ),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Decode the category of images from all sites, under attacks on single sites and on all of them.

    Without --study a small simulated study is made first, in the folder of results; it takes most of the time. Run the
    same command again to resume.
    """
    workers = with_store(workers, store)
    from closedloop.execution.progress import bar  # noqa: PLC0415
    from closedloop.studies.made_study import make_study  # noqa: PLC0415
    from closedloop.studies.places import alone_in, check_places  # noqa: PLC0415
    from closedloop.studies.population.asked import PopulationOptions  # noqa: PLC0415
    from closedloop.studies.population.settings import PopulationFiles  # noqa: PLC0415

    options = PopulationOptions(study, truth, seed)
    check_places(out, workers=workers, study=options.study)
    from closedloop.studies.population.run import run_study  # noqa: PLC0415 - torch, once all that can be is checked

    with alone_in(out, "population_study"):
        folder = (
            study if study is not None else make_study(PopulationFiles(out).made, protocol=_PROTOCOL, workers=workers)
        )
        with bar("population") as progress:
            lines = run_study(options, folder, out, workers=workers, progress=progress)
    typer.echo(printed(lines))
