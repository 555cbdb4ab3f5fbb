"""`closedloop studies screening`: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

app = typer.Typer(rich_markup_mode=None)


@app.command("screening")
def screening(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for tables, figures and page")] = Path(
        "screening"
    ),
    *,
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE[:LAYER,LAYER,...]",
            help="a shipped network, a weight file, or a YAML file that states a network from elsewhere; may be "
            "repeated  "
            "[default: small_resnet_vanilla and small_resnet_robust, all layers]",
        ),
    ] = None,
    networks: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="folder of weight files, such as `base-model train-family` makes"),
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="architecture of third-party weight files  [default: recognised]"),
    ] = None,
    study: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="a study, whose clean images and responses are used")
    ] = None,
    responses: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="responses to images: columns image (path), repetition, and one for each site"
        ),
    ] = None,
    transfer: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="responses to the layer-targeted images that --study or --responses left: likewise"
        ),
    ] = None,
    subject: Annotated[
        str, typer.Option(metavar="NAME", help="the simulated subject where there are no other responses")
    ] = "simulated",
    epsilon: Annotated[
        list[str] | None,
        typer.Option(
            "--epsilon",
            "--epsilons",
            metavar="E,E,...",
            help="L2 norms of the layer-targeted perturbations at 224 px  [default: 10]",
        ),
    ] = None,
    attacked_images: Annotated[
        int,
        typer.Option(min=4, max=10_000, metavar="N", help="clean images that each layer's perturbations are made of"),
    ] = 200,
    repetitions: Annotated[
        int, typer.Option(min=2, max=1000, metavar="N", help="of these and their twins, shown to the simulated subject")
    ] = 20,
    clean_images: Annotated[
        int, typer.Option(min=40, max=100_000, metavar="N", help="clean images for CKA and predictivity, at most")
    ] = 900,
    seed: Annotated[int, seed_option("seed of images, folds and random starts")] = 0,
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
    """Find which layer of which network is most like IT, by three criteria (appendix 6.1, Figure 6).

    The default takes minutes on two cores. Run the same command again to resume.
    """
    workers = with_store(workers, store)
    from closedloop.execution.progress import bar  # noqa: PLC0415
    from closedloop.studies.places import alone_in  # noqa: PLC0415
    from closedloop.studies.screening.asked import ScreeningOptions, check_options  # noqa: PLC0415

    options = ScreeningOptions(
        networks=tuple(network or ()),
        family=networks,
        architecture=architecture,
        study=study,
        responses=responses,
        transfer=transfer,
        subject=subject,
        epsilons=tuple(epsilon or ("10",)),
        n_attacked=attacked_images,
        repetitions=repetitions,
        n_clean=clean_images,
        seed=seed,
    )
    check_options(options, out, workers=workers)
    from closedloop.attacks.engine.devices import check_device  # noqa: PLC0415 - torch, once all else is checked
    from closedloop.studies.screening.run import run_study  # noqa: PLC0415

    check_device(device)

    with alone_in(out, "screening_study"), bar("screening") as progress:
        lines = run_study(options, out, workers=workers, device=device, progress=progress)
    typer.echo(printed(lines))
