"""`closedloop model`: the options; what is done stands in this folder's other files, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.extras import require_extra
from closedloop.plain_text.printed import printed

model_app = typer.Typer(
    help="Export a model of recorded sites so that it opens elsewhere, or check such an export.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@model_app.command("export")
def model_export(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="a study, or the file of a model: model.safetensors of a day")
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder to create")],
    *,
    day: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="of a study: fitted after this day  [default: the last one]")
    ] = None,
    arm: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="of a study: a network of arms.models  [default: the day's model itself]"),
    ] = None,
    member: Annotated[
        str, typer.Option(metavar="K", help="which member of an ensemble, from 0, or whole: all, with their mean")
    ] = "whole",
    pt2: Annotated[
        bool, typer.Option("--pt2", help="also write a program of torch.export, weights included (model.pt2)")
    ] = False,
    licence: Annotated[
        str, typer.Option(metavar="TEXT", help="licence of the base model's weights, to be written down")
    ] = "",
) -> None:
    """Write a fitted model so that it opens without closedloop: weights, description, loader, reference predictions.

    The folder's load.py needs torch and safetensors (and torchvision or timm for their networks).
    """
    require_extra("lab")
    from closedloop.commands.exchange.asked import check_export  # noqa: PLC0415

    asked = check_export(model, out, day=day, member=member, pt2=pt2, licence=licence, arm=arm)
    from closedloop.commands.exchange.exported import export_model  # noqa: PLC0415 - torch, once all is checked

    typer.echo(printed(export_model(asked)))


@model_app.command("check")
def model_check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="that `closedloop model export` wrote")],
    *,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="run the code that the network is, where it is code of a laboratory")
    ] = False,
) -> None:
    """Compare an exported model's files with their hashes, and its answers with its reference predictions.

    Exits with 1 where it differs.
    """
    require_extra("lab")
    from closedloop.commands.exchange.checked import check_exported  # noqa: PLC0415 - torch

    typer.echo(printed(check_exported(folder, trust_code=trust_code)))
