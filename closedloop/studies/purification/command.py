"""`closedloop studies purification`: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

app = typer.Typer(rich_markup_mode=None)


@app.command("purification")
def purification(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for tables, figures and page")] = Path(
        "purification"
    ),
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="labelled images: idx files under MNIST's or Fashion-MNIST's names, or class folders of image files  "
            "[default: Fashion-MNIST of Debian's package dataset-fashion-mnist, else images rendered here]",
        ),
    ] = None,
    train: Annotated[int, typer.Option(min=64, metavar="N", help="images to train on, at most")] = 20_000,
    test: Annotated[int, typer.Option(min=1, metavar="N", help="images to attack, at most")] = 500,
    epochs: Annotated[int, typer.Option(min=1, metavar="N", help="passes through the images, of every training")] = 15,
    recalls: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="recalls of an image, when the defence is judged")
    ] = 60,
    no_sites: Annotated[
        bool,
        typer.Option("--no-sites", help="do not ask whether sites of a simulated IT return when an image is purified"),
    ] = False,
    seed: Annotated[int, seed_option("seed of everything drawn")] = 0,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="N or local:N processes, dask:N, tcp://HOST:PORT or slurm:FILE  [default: this machine]",
        ),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Defend classifiers by purification (CARSO), and attack them without and with knowledge of the defence.

    Trains four defences, attacks each, and sets what is found beside the published table. Run the same command again
    to resume.
    """
    workers = with_store(workers, store)
    from closedloop.execution.progress import bar  # noqa: PLC0415
    from closedloop.studies.places import alone_in  # noqa: PLC0415
    from closedloop.studies.purification.asked import PurificationOptions, check_options  # noqa: PLC0415

    options = PurificationOptions(data, train, test, epochs, recalls, not no_sites, seed)
    check_options(options, out, workers=workers)
    from closedloop.studies.purification.run import run_study  # noqa: PLC0415 - torch, once all that can be is checked

    with alone_in(out, "purification_study"), bar("purification") as progress:
        lines = run_study(options, out, workers=workers, progress=progress)
    typer.echo(printed(lines))
