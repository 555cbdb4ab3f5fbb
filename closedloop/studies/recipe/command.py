"""`closedloop studies recipe`: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

app = typer.Typer(rich_markup_mode=None)


@app.command("recipe")
def recipe(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for table and page")] = Path("recipes"),
    *,
    recipes: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE",
            help="a recipe that ships, or a YAML file of one; may be repeated  [default: paper and quick]",
        ),
    ] = None,
    subjects: Annotated[
        list[str] | None,
        typer.Option(
            "--subject",
            metavar="NAME",
            help="a simulated subject; may be repeated  [default: simulated, the dry run's]",
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=2, max=60, metavar="N", help="days, the first of which is day 0")] = 3,
    sites: Annotated[
        int, typer.Option(min=2, max=96, metavar="N", help="sites of a subject; fewer are judged sooner, less surely")
    ] = 21,
    seed: Annotated[int, seed_option("seed of subjects and draws")] = 2022,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="N or local:N processes, dask:N, tcp://HOST:PORT or slurm:FILE  [default: this machine]",
        ),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Compare recipes of the loop: what is shown, how it is fitted, which gradient is followed.

    In memory, around simulated subjects, on counts alone. Run the same command again to resume.
    """
    workers = with_store(workers, store)
    from closedloop.execution.progress import bar  # noqa: PLC0415
    from closedloop.studies.places import alone_in  # noqa: PLC0415
    from closedloop.studies.recipe.asked import check_options  # noqa: PLC0415

    chosen, whom = recipes or ["paper", "quick"], subjects or ["simulated"]
    check_options(chosen, out, workers=workers)
    from closedloop.studies.recipe.run import run_study  # noqa: PLC0415 - torch, once all that can be is checked

    with alone_in(out, "recipe_study"), bar("recipe") as progress:
        lines = run_study(
            chosen, out, subjects=whom, n_days=days, n_sites=sites, seed=seed, workers=workers, progress=progress
        )
    typer.echo(printed(lines))
