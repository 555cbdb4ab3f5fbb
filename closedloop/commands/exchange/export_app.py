"""`closedloop export`: the options; what is done stands in this folder's other files, imported when needed."""

from __future__ import annotations

import typer

export_app = typer.Typer(
    help="Write what a study recorded in formats that others open.", no_args_is_help=True, rich_markup_mode=None
)
