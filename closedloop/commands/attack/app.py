"""`closedloop attack`: the options; what is done stands in this folder's other files, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_SMOOTHED = "follow the gradient averaged over"


def attack(
    model: Annotated[str, typer.Argument(help="a site model's file, a base model's file, or shipped weights by name")],
    images: Annotated[list[Path], typer.Argument(help="image files, or folders of them")],
    out: Annotated[Path, typer.Option(help="folder to make")],
    *,
    outputs: Annotated[str, typer.Option(help="sites or units to drive: all, or like 0-20,35")] = "all",
    epsilon: Annotated[
        list[float] | None, typer.Option(help="L2 norm on 224 x 224 x 3 pixels; may be repeated  [default: 1 2.5 5 10]")
    ] = None,
    search: Annotated[str, typer.Option(help="cosine, paper31, annealed or strengthened")] = "cosine",
    steps: Annotated[int, typer.Option(min=1, help="gradients of a start in one direction")] = 50,
    direction: Annotated[str, typer.Option(help="both (the larger change is kept), up or down")] = "both",
    seed: Annotated[int, typer.Option(min=0, help="of the random starts")] = 0,
    layer: Annotated[str | None, typer.Option(help="of a base model: where its units are  [default: avgpool]")] = None,
    architecture: Annotated[str | None, typer.Option(help="of a foreign weight file, e.g. resnet50")] = None,
    side_px: Annotated[int | None, typer.Option(min=8, help="of a base model's images  [default: its own]")] = None,
    shift: Annotated[float, typer.Option(min=0, max=0.5, help=f"{_SMOOTHED} random shifts, over the side")] = 0.0,
    noise: Annotated[float, typer.Option(min=0, help=f"{_SMOOTHED} white noise of this SD, pixels in [0, 1]")] = 0.0,
    scale: Annotated[float, typer.Option(min=0, max=0.5, help=f"{_SMOOTHED} random zoom, a fraction")] = 0.0,
    blur: Annotated[float, typer.Option(min=0, max=0.5, help="blur the gradient: SD over the side")] = 0.0,
    workers: Annotated[
        str, typer.Option(help="N or local:N processes, dask:N, tcp://HOST:PORT (a Dask scheduler), slurm:FILE")
    ] = "1",
) -> None:
    """Attack a model's outputs on images of your own, without a study.

    Leaves attacked PNGs, arrays, a table and a page to look at. After a kill, the same command goes on.

    For a system that the model only predicts (an animal, another network), --shift 0.094 --blur 0.025 moved a simulated
    cortex by a third to a half more; the model's own response then moves less.
    """
    from closedloop.artifacts.protocol.attack import Gradient  # noqa: PLC0415
    from closedloop.commands.attack.command import Words, attack_by  # noqa: PLC0415

    words = Words(
        model=model,
        images=tuple(images),
        out=out,
        outputs=outputs,
        epsilons=tuple(epsilon or (1.0, 2.5, 5.0, 10.0)),
        search=search,
        steps=steps,
        direction=direction,
        seed=seed,
        workers=workers,
        layer=layer,
        architecture=architecture,
        side_px=side_px,
        gradient=Gradient(shift=shift, noise=noise, scale=scale, blur=blur),
    )
    typer.echo("\n".join(attack_by(words)))
