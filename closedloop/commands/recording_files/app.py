"""`closedloop recording ...`: the options; what is done stands in this folder's other files, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

recording_app = typer.Typer(help="Look into Blackrock files.", no_args_is_help=True, rich_markup_mode=None)

JsonOption = Annotated[bool, typer.Option("--json", help="for machines")]


@recording_app.command("info")
def recording_info(
    file: Annotated[Path, typer.Argument(help=".nev or .ns1 to .ns6")], json: JsonOption = False
) -> None:
    """Say what a Blackrock file holds: specification, channels, scale, blocks, times."""
    from closedloop.commands.recording_files.info import info_as_json, info_lines  # noqa: PLC0415
    from closedloop.recording.info import read_info  # noqa: PLC0415

    info = read_info(file)
    typer.echo(info_as_json(info) if json else "\n".join(info_lines(info)))


@recording_app.command("detect")
def recording_detect(
    file: Annotated[Path, typer.Argument(help=".ns5 or .ns6 with raw voltage")],
    out: Annotated[Path, typer.Option(help="HDF5 file for the threshold crossings")],
    definition: Annotated[str, typer.Option(help="dicarlo or zero_phase_butter")] = "dicarlo",
) -> None:
    """Find threshold crossings in raw voltage by a named definition."""
    from closedloop.commands.recording_files.detect import detect_to_file  # noqa: PLC0415

    typer.echo(detect_to_file(file, out, definition=definition))
