"""`closedloop studies image-sensitivity`: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

app = typer.Typer(rich_markup_mode=None)


@app.command("image-sensitivity")
def image_sensitivity(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for tables, figures and page")] = Path(
        "image-sensitivity"
    ),
    *,
    study: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="a study's folder  [default: a simulated study is made in the folder]"),
    ] = None,
    day: Annotated[
        int | None,
        typer.Option(min=0, max=99, metavar="N", help="recording day  [default: the last one with attacked images]"),
    ] = None,
    shams: Annotated[
        int,
        typer.Option(min=0, max=100_000, metavar="N", help="simulated experiments without any effect, as a check"),
    ] = 200,
    truth: Annotated[
        bool, typer.Option("--truth", help="set a simulated study's hidden truth beside what was found")
    ] = False,
    seed: Annotated[int, seed_option("seed of these experiments")] = 0,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="N or local:N processes, dask:N, tcp://HOST:PORT or slurm:FILE  [default: this machine]",
        ),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Measure how far single images let single sites be moved, and whether that grows with epsilon (Figure 3).

    Of a study's images that were shown many times, or of its attacked images as they are. Run the same command again to
    resume.
    """
    workers = with_store(workers, store)
    from closedloop.execution.progress import bar  # noqa: PLC0415
    from closedloop.studies.image_sensitivity.asked import ImageSensitivityOptions  # noqa: PLC0415
    from closedloop.studies.places import alone_in, check_places  # noqa: PLC0415

    options = ImageSensitivityOptions(study=study, day=day, n_shams=shams, truth=truth, seed=seed)
    check_places(out, workers=workers, study=options.study)
    from closedloop.studies.image_sensitivity.run import find_study, run_study  # noqa: PLC0415 - heavy, once checked

    with alone_in(out, "image_sensitivity_study"):
        found = find_study(options, out, workers=workers)
        with bar("image-sensitivity") as progress:
            lines = run_study(options, found, out, workers=workers, progress=progress)
    typer.echo(printed(lines))
