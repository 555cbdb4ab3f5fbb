"""`rig calibrate`: what is measured at a rig, kept with a date in its description. A command is a file beside this."""

from __future__ import annotations

import typer

from closedloop.terminal.command import HELP
from rig.commands import calibrate_gamma, calibrate_gaze, calibrate_photodiode, calibrate_valve

app = typer.Typer(
    name="calibrate",
    no_args_is_help=True,
    context_settings=HELP,
    rich_markup_mode=None,
    help="Measure the rig, and keep numbers and date in rig.yaml.",
)


@app.callback()
def calibrate() -> None:
    """Measure the rig, and keep numbers and date in rig.yaml."""


app.command("gaze")(calibrate_gaze.gaze)
app.command("photodiode")(calibrate_photodiode.photodiode)
app.command("valve")(calibrate_valve.valve)
app.command("gamma")(calibrate_gamma.gamma)
