"""`closedloop base-model`: train, import or check base models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.extras import require_extra
from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

base_model_app = typer.Typer(help="Train, import or check base models.", no_args_is_help=True, rich_markup_mode=None)


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
    store: StoreOption = None,
) -> None:
    """Train base models that differ in the size of their training's attacks alone (Figure 6).

    For `closedloop studies screening --networks FOLDER`. Run the same command again to resume.
    """
    workers = with_store(workers, store)
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


_NETWORK = typer.Argument(metavar="NETWORK", help="protocol, by name or file, or a YAML file of its section base_model")
_MEMBER = typer.Option(
    min=0, metavar="N", help="which network: 0 is base_model, 1 the first of ensemble, then those of arms.models"
)
_SIDE = typer.Option(min=8, max=4096, metavar="PX", help="side of the images  [default: the protocol's]")


@base_model_app.command("layers")
def base_model_layers(
    network: Annotated[str, _NETWORK],
    member: Annotated[int, _MEMBER] = 0,
    side: Annotated[int | None, _SIDE] = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List the layers at which a network can be read out: name, shape, share of the cost.

    Of a network that is your own code, the code is run. A section may leave its layer out here.
    """
    require_extra("lab")
    from closedloop.commands.base_models.stated import read_stated  # noqa: PLC0415

    stated = read_stated(network, member=member, side_px=side, weights=None, any_layer=True)
    from closedloop.commands.base_models.networks import list_layers  # noqa: PLC0415 - torch, once all is checked

    typer.echo(list_layers(stated, as_json=json))


@base_model_app.command("check")
def base_model_check(
    network: Annotated[str, _NETWORK],
    *,
    member: Annotated[int, _MEMBER] = 0,
    side: Annotated[int | None, _SIDE] = None,
    base_model: Annotated[
        Path | None, typer.Option("--base-model", metavar="FILE", help="weights  [default: those that are named]")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(metavar="FILE", help="reference output to compare with: images and their features")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="safetensors file to write reference output to")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Check a network before it is used: layer, layout, preprocessing, gradients, independence of the batch.

    Exits with 1 where a check failed. Of a network that is your own code, the code is run.
    """
    require_extra("lab")
    from closedloop.commands.base_models.asked import check_out  # noqa: PLC0415
    from closedloop.commands.base_models.stated import read_stated  # noqa: PLC0415

    stated = read_stated(network, member=member, side_px=side, weights=base_model)
    if write is not None:
        check_out(write, option="--write")
    from closedloop.commands.base_models.networks import check_network  # noqa: PLC0415 - torch, once all is checked

    said, failed = check_network(stated, write=write, reference=reference, as_json=json)
    typer.echo(said)
    if failed:
        raise typer.Exit(1)
