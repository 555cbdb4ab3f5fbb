"""`rig calibrate`: what is measured at a rig, a file each; the results go into rig.yaml."""

from __future__ import annotations

import typer

from closedloop.terminal.command import HELP
from rig.commands import calibrate_gaze

app = typer.Typer(
    name="calibrate",
    no_args_is_help=True,
    context_settings=HELP,
    rich_markup_mode=None,
    help="Measure what a rig needs to know, and store it in rig.yaml.",
)


@app.callback()
def calibrate() -> None:
    """Measure what a rig needs to know, and store it in rig.yaml."""


app.command("gaze")(calibrate_gaze.gaze)
