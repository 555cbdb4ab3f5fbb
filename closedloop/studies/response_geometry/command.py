"""`closedloop studies response-geometry`: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

app = typer.Typer(rich_markup_mode=None)


@app.command("response-geometry")
def response_geometry(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for tables, figures and page")] = Path(
        "response-geometry"
    ),
    *,
    study: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="a study whose fitted sites and recorded planes are looked at  [default: a simulated one is made in "
            "the folder, unless networks are named]",
        ),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE[:LAYER]",
            help="a shipped network or a weight file; may be repeated  [default: small_resnet_vanilla and "
            "small_resnet_robust, none with --study; layer avgpool]",
        ),
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="architecture of a third-party weight file  [default: recognised]"),
    ] = None,
    units: Annotated[int, typer.Option(min=3, max=10_000, metavar="N", help="units of each network, at random")] = 12,
    images_per_unit: Annotated[
        int, typer.Option(min=1, max=1_000, metavar="N", help="images of each unit or fitted site")
    ] = 4,
    clean_images: Annotated[
        int, typer.Option(min=2, max=10_000, metavar="N", help="clean images for a unit's SD")
    ] = 200,
    simulated_sites: Annotated[
        int,
        typer.Option(min=0, max=100_000, metavar="N", help="simulated sites on which the planes' intervals are tried"),
    ] = 200,
    truth: Annotated[
        bool, typer.Option("--truth", help="set a simulated study's hidden truth beside what was found")
    ] = False,
    seed: Annotated[int, seed_option("seed of images, units and random starts")] = 0,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="N or local:N processes, dask:N, tcp://HOST:PORT or slurm:FILE  [default: this machine]",
        ),
    ] = None,
    store: StoreOption = None,
    device: Annotated[str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, or the name of one device")] = "auto",
) -> None:
    """Measure how surfaces of equal response bend, of networks, fitted sites and, on planes of images, recorded sites.

    The default takes some minutes on two cores, most of them for a simulated study. Run the same command again to
    resume.
    """
    workers = with_store(workers, store)
    from closedloop.execution.progress import bar  # noqa: PLC0415
    from closedloop.studies.places import alone_in  # noqa: PLC0415
    from closedloop.studies.response_geometry.asked import GeometryOptions, check_options  # noqa: PLC0415

    options = GeometryOptions(
        study=study,
        networks=tuple(network or ()),
        architecture=architecture,
        n_units=units,
        images_per_unit=images_per_unit,
        n_clean=clean_images,
        n_simulated_sites=simulated_sites,
        truth=truth,
        seed=seed,
    )
    check_options(options, out, workers=workers)
    from closedloop.attacks.engine.devices import check_device  # noqa: PLC0415 - torch, once all else is checked
    from closedloop.studies.response_geometry.run import find_study, run_study  # noqa: PLC0415

    check_device(device)

    with alone_in(out, "response_geometry_study"):
        found = find_study(options, out, workers=workers, device=device)
        with bar("response-geometry") as progress:
            lines = run_study(options, found, out, workers=workers, device=device, progress=progress)
    typer.echo(printed(lines))
