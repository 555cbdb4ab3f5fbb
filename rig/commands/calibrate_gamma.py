"""`rig calibrate gamma`: luminance of grey levels, by a photometer."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closedloop.errors import OptionError
from closedloop.terminal.signals import at_work
from rig.commands.asked import confirmed, keep_anyway, refuse_nobody, told, typed
from rig.commands.options import AcceptOption, FromOption, RigFileOption

if TYPE_CHECKING:
    from rig.calibration.gamma import MeasuredLevel

_LEVELS = (0, 16, 32, 48, 64, 96, 127, 160, 192, 224, 255)


def gamma(
    *,
    rig: RigFileOption,
    level: Annotated[
        list[int] | None,
        typer.Option(min=0, max=255, metavar="N", help="a grey level to show; may be repeated  [default: eleven]"),
    ] = None,
    file: FromOption = None,
    accept: AcceptOption = False,
) -> None:
    """Measure the screen's grey levels with a photometer. Sets no gamma ramp; exit code 1 if nothing was stored."""
    from closedloop.artifacts.rig.description import read_rig  # noqa: PLC0415
    from rig.calibration.gamma import doubts_of_gamma, fit_gamma, gamma_lines, read_levels  # noqa: PLC0415
    from rig.calibration.store import six_digits, store_calibration  # noqa: PLC0415

    read_rig(rig)
    measured = read_levels(file) if file is not None else _measure(rig, tuple(level or _LEVELS))
    fitted = fit_gamma(measured)
    for line in gamma_lines(fitted):
        typer.echo(line)
    is_asked = file is None or (sys.stdin.isatty() and sys.stderr.isatty())
    if not keep_anyway(doubts_of_gamma(measured, fitted), is_asked=is_asked, accept=accept):
        raise typer.Exit(1)
    store_calibration(rig, {"luminance": datetime.date.today(), "gamma": six_digits(fitted)})
    told(f"{rig}: stored.")


def _measure(rig: Path, levels: tuple[int, ...]) -> list[MeasuredLevel]:
    from rig.calibration.gamma import LEAST_LEVELS  # noqa: PLC0415
    from rig.calibration.levels import measure_levels  # noqa: PLC0415
    from rig.calibration.patch_session import open_patch_display  # noqa: PLC0415
    from rig.stop import StopRequest  # noqa: PLC0415

    refuse_nobody("rig calibrate gamma", otherwise="give what was read by --from FILE")
    if len(set(levels)) < LEAST_LEVELS:
        raise OptionError(f"--level: expected {LEAST_LEVELS} levels or more, found {len(set(levels))}. Name more.")
    if not confirmed("Squares of grey are shown on the animal's screen. Is the photometer before its middle?"):
        raise typer.Exit(1)
    with at_work(), open_patch_display(rig, sorted(set(levels)), stop=StopRequest()) as display:
        return measure_levels(display, sorted(set(levels)), typed=typed, say=told)
