"""Arguments and options that commands of `rig` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from closedloop.errors import OptionError

SessionFolder = Annotated[
    Path, typer.Argument(metavar="SESSION", help="session folder, such as day-00/schedule of a study")
]
DisplayOption = Annotated[
    Literal["psychopy", "headless"], typer.Option(help="a PsychoPy window, or no screen and a virtual clock")
]

OutOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="where the journal goes  [default: SESSION/../present]")
]


def _refuse_code_device(device: str | None) -> None:
    if device is not None:
        raise OptionError(
            f"--code-device {device}: expected ports in the rig's description, found one on the command line. "
            "Set codes.address in rig.yaml (`rig init` writes one), and pass --rig FILE."
        )


RigOption = Annotated[
    Path | None,
    typer.Option("--rig", metavar="FILE", help="this rig's description, as `rig init` writes it; an animal needs one"),
]
CodeDeviceOption = Annotated[str | None, typer.Option("--code-device", hidden=True, callback=_refuse_code_device)]

DespiteOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CHECK", help="show it although this check failed; may be repeated. Journal and pages will say so"
    ),
]
PanelOption = Annotated[
    Literal["auto", "window", "terminal", "none"],
    typer.Option(
        help="what the operator watches: a window on a screen of its own, a page in this terminal, or a line now and "
        "then; auto is the first that there is"
    ),
]
OperatorScreenOption = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="the screen of the operator's window, from 0  [default: as rig.yaml says]"),
]

RigFileOption = Annotated[
    Path, typer.Option("--rig", metavar="FILE", help="this rig's description, in which the numbers are kept")
]
FromOption = Annotated[
    Path | None, typer.Option("--from", metavar="FILE", help="takes the numbers from a file instead of asking")
]
AcceptOption = Annotated[bool, typer.Option("--accept", help="keep the numbers although something is implausible")]
