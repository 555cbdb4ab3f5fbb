"""`rig init` and `rig devices`: what this computer has, and the description of its rig."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from closedloop.errors import visible
from closedloop.plain_text.printed import quoted


def _answer(question: str) -> Any:
    return typer.Option(metavar="ANSWER", help=question)


def init(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="where to write it, such as rig.yaml; never over another")
    ],
    *,
    name: Annotated[str | None, _answer("name of this rig, as journal and pages will say")] = None,
    screen: Annotated[str | None, _answer("number of the screen in front of the animal")] = None,
    width_px: Annotated[str | None, _answer("its width, pixels")] = None,
    height_px: Annotated[str | None, _answer("its height, pixels")] = None,
    refresh_hz: Annotated[str | None, _answer("its frames per second")] = None,
    width_cm: Annotated[str | None, _answer("width of its lit picture, cm, by a ruler")] = None,
    distance_cm: Annotated[str | None, _answer("from the animal's eye to it, cm, by a ruler")] = None,
    operator_screen: Annotated[str | None, _answer("number of the screen that you watch, or none")] = None,
    photodiode: Annotated[str | None, _answer("corner and side in pixels, such as 'lower_left 40', or none")] = None,
    codes: Annotated[str | None, _answer("'parallel', 'serial' or 'microcontroller ADDRESS', comment, or none")] = None,
    gaze: Annotated[str | None, _answer("'eyelink ADDRESS', 'lsl NAME', mouse, scripted, or none")] = None,
    reward: Annotated[str | None, _answer("such as 'microcontroller /dev/ttyACM0', or none")] = None,
    recorder: Annotated[str | None, _answer("'blackrock NSP', by_hand, or none")] = None,
    recorder_folder: Annotated[str | None, _answer("where its files grow, if this computer sees it, or none")] = None,
    gaze_calibrated: Annotated[str | None, _answer("YYYY-MM-DD, today, or none")] = None,
    luminance_measured: Annotated[str | None, _answer("YYYY-MM-DD, today, or none")] = None,
) -> None:
    """Describe this rig in a file. Asks what no option says; without a terminal, takes what it found."""
    given = {f"--{key.replace('_', '-')}": value for key, value in locals().items() if key != "file"}
    from rig.setup.found import find_devices, listed  # noqa: PLC0415
    from rig.setup.questions import ask_all, refuse_existing, write_rig  # noqa: PLC0415

    refuse_existing(file)
    devices, lines = find_devices()
    for line in lines:
        typer.echo(visible(line), err=True)
    is_asked = sys.stdin.isatty() and sys.stderr.isatty()
    for line in listed(devices) if is_asked else ():
        typer.echo(visible(line), err=True)
    document = ask_all(
        given,
        name=platform.node() or "rig",
        devices=devices,
        ask=(lambda question, proposed: str(typer.prompt(question, default=proposed, err=True))) if is_asked else None,
        say=lambda line: typer.echo(visible(line), err=True),
    )
    write_rig(document, file)
    folder = document.recorder.folder
    if folder is not None and not folder.is_dir():
        said = (
            f"{folder}: no such folder is seen from this computer now. Mount it, or correct recorder.folder in {file}."
        )
        typer.echo(visible(said), err=True)
    typer.echo(visible(f"{file}: {document.name}. Read it, then: rig check SESSION --rig {quoted(file)}"), err=True)


def devices(as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """List what this computer has. Each line has what to write into rig.yaml."""
    from rig.setup.found import find_devices, listed  # noqa: PLC0415

    found, lines = find_devices()
    if as_json:
        typer.echo(json.dumps([asdict(device) for device in found], indent=2))
    else:
        for line in listed(found):
            typer.echo(visible(line))
    for line in lines:
        typer.echo(visible(line), err=True)
