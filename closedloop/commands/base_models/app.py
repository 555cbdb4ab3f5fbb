"""`closedloop base-model`: train or import base models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.extras import require_extra
from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option

base_model_app = typer.Typer(help="Train or import base models.", no_args_is_help=True, rich_markup_mode=None)


_NAME = typer.Option(metavar="RECIPE", help="recipe, by the name of its shipped weights: small_resnet_robust, ...")
_IMAGES = typer.Option(metavar="FOLDER", help="own images, one subfolder per category  [default: computed images]")
_EPOCHS = typer.Option(min=1, max=10_000, metavar="N", help="length of the training  [default: the recipe's]")
_IMAGES_PER_EPOCH = typer.Option(min=1, metavar="N", help="images drawn for an epoch  [default: the recipe's]")
_SEED = seed_option("seed of the training  [default: the recipe's]")


@base_model_app.command("train")
def base_model_train(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="safetensors file to write")],
    *,
    name: Annotated[str, _NAME] = "small_resnet_robust",
    epsilon: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="E", help="L2 radius of the attacks at 224 px, 0 for none  [default: the recipe's]"
        ),
    ] = None,
    images: Annotated[Path | None, _IMAGES] = None,
    epochs: Annotated[int | None, _EPOCHS] = None,
    images_per_epoch: Annotated[int | None, _IMAGES_PER_EPOCH] = None,
    seed: Annotated[int | None, _SEED] = None,
) -> None:
    """Train a small base model by the recipe of the shipped weights (takes a few minutes).

    Run the same command again to resume.
    """
    require_extra("lab")
    from closedloop.commands.base_models.asked import RecipeOptions, check_training  # noqa: PLC0415

    asked = RecipeOptions(name, images, epochs, images_per_epoch, seed)
    check_training(out, asked, epsilon=epsilon)
    from closedloop.commands.base_models.train import train_to_file  # noqa: PLC0415 - torch, once all is checked

    typer.echo(train_to_file(out, asked, epsilon=epsilon))


@base_model_app.command("train-family")
def base_model_train_family(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for the weight files")] = Path("family"),
    *,
    epsilons: Annotated[
        str, typer.Option(metavar="E,E,...", help="L2 radii of the attacks at 224 px, 0 for none, set apart by commas")
    ] = "0,0.5,1,2,3,5",
    name: Annotated[str, _NAME] = "small_resnet_robust",
    images: Annotated[Path | None, _IMAGES] = None,
    epochs: Annotated[int | None, _EPOCHS] = None,
    images_per_epoch: Annotated[int | None, _IMAGES_PER_EPOCH] = None,
    seed: Annotated[int | None, _SEED] = None,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="N or local:N processes, dask:N, tcp://HOST:PORT or slurm:FILE  [default: this machine]",
        ),
    ] = None,
) -> None:
    """Train base models that differ in the size of their training's attacks alone (Figure 6).

    For `closedloop studies screening --networks FOLDER`. Run the same command again to resume.
    """
    require_extra("lab")
    from closedloop.commands.base_models.asked import RecipeOptions, check_family  # noqa: PLC0415
    from closedloop.execution.progress import bar  # noqa: PLC0415

    asked = RecipeOptions(name, images, epochs, images_per_epoch, seed)
    sizes = check_family(out, asked, epsilons=epsilons, workers=workers)
    from closedloop.commands.base_models.family import train_to_folder  # noqa: PLC0415 - torch, once all is checked

    with bar("train-family") as progress:
        lines = train_to_folder(out, asked, epsilons=sizes, workers=workers, progress=progress)
    typer.echo(printed(lines))


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
