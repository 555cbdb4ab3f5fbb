"""`rig calibrate photodiode`: how long after a flip the screen is bright."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closedloop.errors import DocumentError, OptionError, RigError
from closedloop.terminal.signals import INTERRUPTED
from rig.commands.asked import confirmed, keep_anyway, refuse_nobody, told
from rig.commands.options import AcceptOption, FromOption, RigFileOption

if TYPE_CHECKING:
    from closedloop.artifacts.rig.calibrations import LightDelay


def photodiode(
    *,
    rig: RigFileOption,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="a folder for flashes.json: flashes the patch, to be recorded")
    ] = None,
    flashes: Annotated[int, typer.Option(min=20, max=10_000, metavar="N", help="how many")] = 200,
    practise: Annotated[
        bool, typer.Option("--practise", help="any screen will do; what is flashed is marked as simulated")
    ] = False,
    file: FromOption = None,
    accept: AcceptOption = False,
    latency_ms: Annotated[
        float | None, typer.Option(min=-100, max=1000, metavar="MS", help="stores this latency, measured elsewhere")
    ] = None,
    jitter_ms: Annotated[float | None, typer.Option(min=0, max=1000, metavar="MS", help="and its SD")] = None,
    n: Annotated[int | None, typer.Option("--n", min=1, metavar="N", help="of so many flashes")] = None,
) -> None:
    """Flash the photodiode's patch with a code at each flip (--out), or store what the recording says (--from).

    Between the two: closedloop recording light FOLDER/flashes.json FILES --out light.json, where the recording is.
    """
    by_hand = [one for one in (latency_ms, jitter_ms, n) if one is not None]
    if (out is not None) + (file is not None) + bool(by_hand) != 1 or len(by_hand) not in (0, 3):
        raise OptionError(
            "rig calibrate photodiode: expected --out FOLDER, --from FILE, or --latency-ms, --jitter-ms and --n "
            "together, found something else. Give one of the three."
        )
    if out is not None:
        _flash(rig, out, flashes, is_practice=practise)
        return
    light, date = _measured(rig, file, latency_ms, jitter_ms, n)
    from rig.calibration.photodiode import doubts_of_light  # noqa: PLC0415
    from rig.calibration.store import store_calibration  # noqa: PLC0415

    is_asked = sys.stdin.isatty() and sys.stderr.isatty()
    if not keep_anyway(doubts_of_light(light), is_asked=is_asked, accept=accept):
        raise typer.Exit(1)
    store_calibration(rig, {"photodiode": date, "light": light})
    told(f"{rig}: stored: light {light.latency_ms:g} ms after a flip, SD {light.jitter_ms:g} ms, of {date}.")


def _measured(
    rig: Path, file: Path | None, latency_ms: float | None, jitter_ms: float | None, n: int | None
) -> tuple[LightDelay, datetime.date]:
    from closedloop.artifacts.rig.calibrations import LightDelay  # noqa: PLC0415
    from closedloop.artifacts.rig.description import read_rig  # noqa: PLC0415
    from closedloop.artifacts.rig.light import LightDocument  # noqa: PLC0415

    name = read_rig(rig)[0].name
    if file is not None:
        try:
            found = LightDocument.read(file)
        except DocumentError as error:
            said = str(error).removesuffix(".")
            raise RigError(f"{said}, or give the light.json of `closedloop recording light`.") from error
        if found.rig != name:
            raise RigError(f"{file}: expected light of {name}, found that of {found.rig}. Give this rig's file.")
        if found.simulated:
            raise RigError(f"{file}: expected light of a screen, found simulated flashes. Flash the real patch.")
        return found.light, found.date
    plain = {"latency_ms": latency_ms, "jitter_ms": jitter_ms, "n_flashes": n}
    return LightDelay.model_validate(plain), datetime.date.today()


def _flash(rig: Path, out: Path, n_flashes: int, *, is_practice: bool) -> None:
    from closedloop.plain_text.printed import quoted  # noqa: PLC0415
    from rig.calibration.flashing import show_flashes  # noqa: PLC0415
    from rig.stop import StopRequest, stop_on_signals  # noqa: PLC0415

    refuse_nobody("rig calibrate photodiode --out", otherwise="store numbers by --from FILE")
    if not confirmed(f"{n_flashes} flashes are shown on the animal's screen. Does the recorder record, with codes?"):
        raise typer.Exit(1)
    request = StopRequest()
    with stop_on_signals(request):
        path, n = show_flashes(rig, out, n_flashes=n_flashes, stop=request, is_practice=is_practice)
    told(f"{path}: {n} flashes. Stop the recorder, and bring the file to it:")
    told(f"closedloop recording light {quoted(path.name)} FILE.nev FILE.ns6 --out light.json")
    if request.requested:
        raise typer.Exit(INTERRUPTED)
