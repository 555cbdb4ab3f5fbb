"""`closedloop export`: the options; what is done stands in this folder's other files, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.amending.options import StudyFolder
from closedloop.commands.exchange.nwb_app import export_nwb
from closedloop.commands.extras import require_extra
from closedloop.plain_text.printed import printed

export_app = typer.Typer(
    help="Write what a study recorded in formats that others open.", no_args_is_help=True, rich_markup_mode=None
)

OfDay = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="one recording day, from 0  [default: all that are recorded]")
]


@export_app.command("responses")
def export_responses(
    study: StudyFolder,
    out: Annotated[
        Path, typer.Option(metavar="FILE|FOLDER", help="file named .parquet, .csv or .nc, or a folder for the files")
    ],
    *,
    day: OfDay = None,
    format: Annotated[
        str | None,
        typer.Option(metavar="parquet|csv|netcdf", help="format  [default: as FILE is named; in a folder parquet]"),
    ] = None,
) -> None:
    """Write every presentation with what was shown and the spikes of every site: a table, or arrays for xarray.

    Beside it lie the sites, and a .json that says what each column is. What people left out is marked, not removed.
    """
    if format == "netcdf" or out.suffix.lower() == ".nc":
        require_extra("exchange")
    from closedloop.commands.exchange.of_recordings import write_responses  # noqa: PLC0415

    typer.echo(printed(write_responses(study, out, day=day, wanted=format)))


@export_app.command("brainscore")
def export_brainscore(
    study: StudyFolder,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder to create")],
    *,
    day: OfDay = None,
) -> None:
    """Write a stimulus set (CSV and ZIP) and an assembly of the model's sites (netCDF), as Brain-Score has them.

    Presentations x neuroids x bins of 10 ms; the bins of the response window add up to the study's responses.
    """
    require_extra("exchange")
    from closedloop.commands.exchange.of_recordings import write_assembly  # noqa: PLC0415

    typer.echo(printed(write_assembly(study, out, day=day)))


export_app.command("nwb")(export_nwb)
