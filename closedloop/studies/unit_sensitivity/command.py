"""`closedloop studies unit-sensitivity`: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.attacks.epsilons import MOST_STEPS
from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

app = typer.Typer(rich_markup_mode=None)


@app.command("unit-sensitivity")
def unit_sensitivity(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for tables, figure and page")] = Path(
        "unit-sensitivity"
    ),
    *,
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE[:LAYER]",
            help="a shipped network or a weight file; may be repeated  "
            "[default: small_resnet_vanilla and small_resnet_robust; layer avgpool]",
        ),
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="architecture of a third-party weight file  [default: recognised]"),
    ] = None,
    images: Annotated[str, typer.Option(metavar="FOLDER", help="folder of images, or `procedural`")] = "procedural",
    epsilon: Annotated[
        list[str] | None,
        typer.Option(
            "--epsilon",
            "--epsilons",
            metavar="E,E,...",
            help="L2 norms on 224 x 224 x 3 pixels, set apart by commas  [default: 1,2.5,5,10]",
        ),
    ] = None,
    units: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="units per network, drawn at random")
    ] = 32,
    images_per_unit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="attacked images per unit")] = 4,
    clean_images: Annotated[
        int, typer.Option(min=2, max=10_000, metavar="N", help="clean images for the SD and the random-pair difference")
    ] = 1000,
    restarts: Annotated[
        int | None, typer.Option(min=1, max=10_000, metavar="N", help="random starts  [default: 2]")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_STEPS, metavar="N", help="gradient steps in each of the two balls  [default: 50]"),
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="the paper's search: 100 starts per epsilon, 250 gradient steps per ball")
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
    """Measure how far single units of networks can be moved (section 3.2, Figure 1A).

    The default takes a few minutes on two cores. Run the same command again to resume.
    """
    workers = with_store(workers, store)
    from closedloop.execution.progress import bar  # noqa: PLC0415
    from closedloop.studies.places import alone_in  # noqa: PLC0415
    from closedloop.studies.unit_sensitivity.asked import UnitSensitivityOptions, check_options  # noqa: PLC0415

    options = UnitSensitivityOptions(
        networks=tuple(network or ("small_resnet_vanilla", "small_resnet_robust")),
        architecture=architecture,
        images=images,
        epsilons=tuple(epsilon or ("1,2.5,5,10",)),
        n_units=units,
        images_per_unit=images_per_unit,
        n_clean=clean_images,
        restarts=restarts,
        steps=steps,
        paper=paper,
        seed=seed,
    )
    check_options(options, out, workers=workers)
    from closedloop.attacks.engine.devices import check_device  # noqa: PLC0415 - torch, once all else is checked
    from closedloop.studies.unit_sensitivity.run import run_study  # noqa: PLC0415

    check_device(device)

    with alone_in(out, "unit_sensitivity_study"), bar("unit-sensitivity") as progress:
        lines = run_study(options, out, workers=workers, device=device, progress=progress)
    typer.echo(printed(lines))
