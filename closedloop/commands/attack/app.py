"""`closedloop attack`: the options; what is done stands in this folder's other files, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.attacks.epsilons import MOST_STEPS
from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

attack_app = typer.Typer(rich_markup_mode=None)

_SMOOTHED = "follow the gradient averaged over"


@attack_app.command("attack")
def attack(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="site model file, base model file, or the name of a shipped base model"),
    ],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES", help="image files or folders of images")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder to create")],
    *,
    outputs: Annotated[
        str, typer.Option(metavar="WHICH", help="sites or units to drive: all, or for example 0-20,35")
    ] = "all",
    epsilon: Annotated[
        list[str] | None,
        typer.Option(
            "--epsilon",
            "--epsilons",
            metavar="E,E,...",
            help="L2 norms on 224 x 224 x 3 pixels, set apart by commas  [default: 1,2.5,5,10]",
        ),
    ] = None,
    search: Annotated[str, typer.Option(metavar="NAME", help="cosine, paper31, annealed or strengthened")] = "cosine",
    steps: Annotated[
        int, typer.Option(min=1, max=MOST_STEPS, metavar="N", help="gradient steps per start and direction")
    ] = 50,
    direction: Annotated[
        str, typer.Option(metavar="WHICH", help="up, down, or both (keeps the larger change)")
    ] = "both",
    seed: Annotated[int, seed_option("seed of the random starts")] = 0,
    layer: Annotated[
        str | None,
        typer.Option(metavar="LAYER", help="layer of a base model whose units are driven  [default: avgpool]"),
    ] = None,
    architecture: Annotated[
        str | None, typer.Option(metavar="NAME", help="architecture of a third-party weight file, e.g. resnet50")
    ] = None,
    side_px: Annotated[
        int | None,
        typer.Option(min=8, max=1024, metavar="N", help="image side for a base model, in pixels  [default: its own]"),
    ] = None,
    shift: Annotated[
        float, typer.Option(min=0, max=0.5, metavar="X", help=f"{_SMOOTHED} random shifts; fraction of the image side")
    ] = 0.0,
    noise: Annotated[
        float, typer.Option(min=0, max=1, metavar="X", help=f"{_SMOOTHED} white noise; SD in pixel units, range [0, 1]")
    ] = 0.0,
    scale: Annotated[
        float, typer.Option(min=0, max=0.5, metavar="X", help=f"{_SMOOTHED} random zooms; fraction")
    ] = 0.0,
    blur: Annotated[
        float, typer.Option(min=0, max=0.5, metavar="X", help="blur the gradient; SD as a fraction of the side")
    ] = 0.0,
    soft_relu: Annotated[
        float, typer.Option(min=0, max=1000, metavar="X", help="slope of soft rectifiers on the way back; 0: hard ones")
    ] = 0.0,
    workers: Annotated[
        str,
        typer.Option(
            metavar="WORKERS", help="N or local:N processes, dask:N, tcp://HOST:PORT (a Dask scheduler), slurm:FILE"
        ),
    ] = "1",
    store: StoreOption = None,
) -> None:
    """Attack a model's outputs on your own images, without a study.

    Writes attacked PNGs, arrays, a table and an HTML page. Run the same command again to resume.

    For a system that the model only predicts (an animal, another network), --shift 0.094 --blur 0.025 moved a simulated
    cortex by a third to a half more; the model's own response then moves less.
    """
    workers = with_store(workers, store)
    from closedloop.artifacts.documents import validate  # noqa: PLC0415
    from closedloop.artifacts.protocol.attack import Gradient  # noqa: PLC0415
    from closedloop.attacks.epsilons import parse_epsilons  # noqa: PLC0415
    from closedloop.commands.attack.asked import AttackOptions, check_options  # noqa: PLC0415

    gradient = {"shift": shift, "noise": noise, "scale": scale, "blur": blur, "soft_relu": soft_relu}
    options = AttackOptions(
        model=model,
        images=tuple(images),
        out=out,
        outputs=outputs,
        epsilons=parse_epsilons(epsilon or ("1,2.5,5,10",)),
        search=search,
        steps=steps,
        direction=direction,
        seed=seed,
        workers=workers,
        layer=layer,
        architecture=architecture,
        side_px=side_px,
        gradient=validate(Gradient, gradient, place="attack"),
    )
    check_options(options)
    from closedloop.commands.attack.options import run_attack  # noqa: PLC0415 - torch, once all that can be is checked

    typer.echo(printed(run_attack(options)))
