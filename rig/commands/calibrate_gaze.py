"""`rig calibrate gaze`: the map from the tracker's units to degrees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from closedloop.errors import OptionError, visible
from closedloop.terminal.signals import INTERRUPTED
from closedloop.terminal.streams import say
from rig.commands.options import DisplayOption


def gaze(
    rig: Annotated[Path, typer.Option("--rig", metavar="FILE", help="this rig's description; it takes the result")],
    *,
    points: Annotated[int, typer.Option(metavar="N", help="targets of the map: 5, 9 or 13")] = 9,
    extent: Annotated[
        float | None,
        typer.Option(
            min=0.5,
            max=60,
            metavar="DEG",
            help="from the middle to the outermost  [default: 10, or the screen's reach]",
        ),
    ] = None,
    dot: Annotated[float, typer.Option(min=0.05, max=10, metavar="DEG", help="diameter of a target")] = 0.5,
    reward_ms: Annotated[
        float, typer.Option(min=0, max=10_000, metavar="MS", help="for each point that is taken")
    ] = 80,
    most_deg: Annotated[
        float, typer.Option(min=0.01, max=30, metavar="DEG", help="no map with a larger error is stored")
    ] = 1.0,
    despite: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT", help="error or validation: store it although one is larger, or none was done; repeatable"
        ),
    ] = None,
    display: DisplayOption = "psychopy",
) -> None:
    """Show targets, take a point by key when the animal looks at it, and store the map if it fits."""
    if points not in (5, 9, 13):
        raise OptionError(f"--points {points}: expected 5, 9 or 13, found {points}. Give one of them.")
    for word in despite or ():
        if word not in ("error", "validation"):
            raise OptionError(f"--despite {word}: expected error or validation, found {word}. Give one of them.")
    from rig.calibration.gaze.command import WantedCalibration, calibrate_gaze  # noqa: PLC0415
    from rig.calibration.gaze.procedure import Overridable  # noqa: PLC0415
    from rig.calibration.gaze.targets import Layout  # noqa: PLC0415
    from rig.stop import StopRequest, stop_on_signals  # noqa: PLC0415

    request = StopRequest()
    asked = WantedCalibration(
        rig=rig,
        display=display,
        n_points=cast("Layout", points),
        extent_deg=extent,
        dot_deg=dot,
        reward_ms=reward_ms,
        most_deg=most_deg,
        despite=frozenset(cast("list[Overridable]", despite or ())),
    )
    with stop_on_signals(request):
        said = calibrate_gaze(asked, stop=request)
    say(visible(said))
    if request.requested:
        raise typer.Exit(INTERRUPTED)
