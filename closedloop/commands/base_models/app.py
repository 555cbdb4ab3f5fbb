"""`closedloop base-model`: train or import base models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.extras import require_extra

base_model_app = typer.Typer(help="Train or import base models.", no_args_is_help=True, rich_markup_mode=None)


@base_model_app.command("train")
def base_model_train(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="safetensors file to write")],
    name: Annotated[
        str, typer.Option(metavar="RECIPE", help="recipe, by the name of its shipped weights: small_resnet_robust, ...")
    ] = "small_resnet_robust",
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="seed of the training  [default: the recipe's]")
    ] = None,
) -> None:
    """Train a small base model by the recipe of the shipped weights (takes a few minutes)."""
    require_extra("lab")
    from closedloop.commands.base_models.asked import check_training  # noqa: PLC0415

    check_training(out, name=name)
    from closedloop.commands.base_models.train import train_to_file  # noqa: PLC0415 - torch, once all is checked

    typer.echo(train_to_file(out, name=name, seed=seed))


@base_model_app.command("import")
def base_model_import(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="torchvision state dict, or checkpoint of the robustness library")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="safetensors file to write")],
    architecture: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="architecture of the checkpoint  [default: recognised from keys and shapes]"),
    ] = None,
    labelled_images: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="images to measure accuracy on, one subfolder per class")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Convert a third-party checkpoint to a base model for `--base-model`, and describe it."""
    require_extra("lab")
    from closedloop.commands.base_models.asked import check_import  # noqa: PLC0415

    check_import(file, out, architecture=architecture, labelled_images=labelled_images)
    from closedloop.commands.base_models.foreign import import_and_describe  # noqa: PLC0415 - torch, once all is checked

    typer.echo(import_and_describe(file, out, architecture=architecture, labelled_images=labelled_images, as_json=json))
