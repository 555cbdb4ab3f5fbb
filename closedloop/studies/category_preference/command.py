"""`closedloop studies category-preference`: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

app = typer.Typer(rich_markup_mode=None)


@app.command("category-preference")
def category_preference(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for tables, figures and page")] = Path(
        "category-preference"
    ),
    *,
    study: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="a study, real or simulated  [default: a simulated one is made in --out]"),
    ] = None,
    seed: Annotated[int, seed_option("seed of halves and resamples")] = 0,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="who makes the simulated study: N or local:N processes, dask:N, tcp://HOST:PORT or slurm:FILE  "
            "[default: this machine]",
        ),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Find the categories each site prefers, and the epsilon that makes other images as strong (Figure 2).

    The default makes a simulated study of three days first, which takes some minutes on two cores. Run the same command
    again to resume.
    """
    workers = with_store(workers, store)
    from closedloop.studies.places import alone_in, check_places, study_command  # noqa: PLC0415

    check_places(out, workers=workers, study=study)
    from closedloop.studies.category_preference.run import run_preference  # noqa: PLC0415 - heavy, once all is checked

    given = {"--study": study, "--seed": seed or None}
    options = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    command = study_command("category-preference", *options)
    with alone_in(out, "category_preference_study"):
        typer.echo(printed(run_preference(study, out, seed=seed, workers=workers, command=command)))
