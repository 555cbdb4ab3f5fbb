"""`rig calibrate valve`: ml by the length of an opening, weighed."""

from __future__ import annotations

import datetime
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closedloop.errors import OptionError, RigError
from closedloop.terminal.signals import at_work
from rig.commands.asked import confirmed, keep_anyway, refuse_nobody, told, typed
from rig.commands.options import AcceptOption, FromOption, RigFileOption

if TYPE_CHECKING:
    from closedloop.artifacts.rig.description import RigDocument
    from rig.calibration.valve import WeighedBatch
    from rig.calibration.weighing import LiquidScale

_DURATIONS_MS = (25.0, 50.0, 100.0, 200.0)


def valve(
    *,
    rig: RigFileOption,
    ms: Annotated[
        list[float] | None,
        typer.Option(metavar="MS", help="a length to give; may be repeated  [default: 25, 50, 100 and 200]"),
    ] = None,
    openings: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="openings of a batch")] = 100,
    leak_s: Annotated[
        float, typer.Option(min=0, max=3600, metavar="S", help="how long the closed valve is watched first; 0: not")
    ] = 120.0,
    g_per_ml: Annotated[
        float,
        typer.Option(min=0.5, max=2.0, metavar="G", help="density of the liquid: 1 of water, about 1.04 of juice"),
    ] = 1.0,
    file: FromOption = None,
    accept: AcceptOption = False,
) -> None:
    """Weigh what the valve gives. Asks before it opens the valve, each time; exit code 1 if nothing was stored."""
    from closedloop.artifacts.rig.description import read_rig  # noqa: PLC0415
    from rig.calibration.store import six_digits, store_calibration  # noqa: PLC0415
    from rig.calibration.valve import doubts_of_valve, fit_valve, valve_lines  # noqa: PLC0415
    from rig.calibration.weighing import LiquidScale, read_weighed  # noqa: PLC0415

    document, _ = read_rig(rig)
    scale = LiquidScale(g_per_ml)
    if file is not None:
        batches = read_weighed(file, scale)
    else:
        batches = _weigh(rig, document, tuple(ms or _DURATIONS_MS), n_openings=openings, leak_s=leak_s, scale=scale)
    fitted = fit_valve(batches)
    for line in valve_lines(fitted):
        typer.echo(line)
    is_asked = file is None or (sys.stdin.isatty() and sys.stderr.isatty())
    if not keep_anyway(doubts_of_valve(batches, fitted), is_asked=is_asked, accept=accept):
        raise typer.Exit(1)
    store_calibration(rig, {"reward": datetime.date.today(), "valve": six_digits(fitted)})
    told(f"{rig}: stored.")
    if document.reward.device == "none":
        told("Its reward.device is none: no session gives rewards by this description. Describe the valve there.")


def _weigh(
    rig: Path,
    document: RigDocument,
    durations_ms: tuple[float, ...],
    *,
    n_openings: int,
    leak_s: float,
    scale: LiquidScale,
) -> list[WeighedBatch]:
    from rig.calibration.weighing import Weigher, weigh_all  # noqa: PLC0415
    from rig.ports.microcontroller.device import Microcontrollers  # noqa: PLC0415
    from rig.wiring.reward import open_valve_of  # noqa: PLC0415

    refuse_nobody("rig calibrate valve", otherwise="give what was weighed by --from FILE")
    if document.reward.device == "none":
        raise RigError(f"{rig}: expected a valve, found reward.device: none. Describe it, or give --from FILE.")
    if any(not 1 <= one <= 1000 for one in durations_ms):
        raise OptionError("--ms: expected lengths of 1 to 1000 ms, found another. Correct it.")
    batches: list[WeighedBatch] = []
    with at_work(), closing(open_valve_of(document.reward, Microcontrollers())) as reward:
        weigher = Weigher(confirmed, typed, told)
        for batch in weigh_all(
            reward, durations_ms, n_openings=n_openings, leak_s=leak_s, scale=scale, weigher=weigher
        ):
            batches.append(batch)
            told(f"  {batch.n_openings} x {batch.duration_ms:.1f} ms: {batch.ml:.3f} ml")
    return batches
