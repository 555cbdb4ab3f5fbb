"""Opens the screen and the way of codes, flashes, and leaves what was flashed."""

from __future__ import annotations

import datetime
from contextlib import ExitStack
from pathlib import Path

from closedloop.artifacts.day.session import CodeSettings
from closedloop.artifacts.rig.description import RigDocument, read_rig
from closedloop.artifacts.rig.light import FLASHES_NAME, FlashesDocument, PatchFlash
from closedloop.errors import RigError
from rig.calibration.patch_session import GREY_LEVEL, open_patch_display
from rig.calibration.photodiode import flash
from rig.display.display import Display
from rig.machine.device_faults import close_device
from rig.ports.codes import CodePort
from rig.ports.microcontroller.device import Microcontrollers
from rig.ports.recorders.port import NoRecorder
from rig.stop import StopRequest
from rig.wiring.codes import open_codes

_WIRES = ("parallel", "serial", "microcontroller")


def show_flashes(
    rig_file: Path, out: Path, *, n_flashes: int, stop: StopRequest, is_practice: bool = False
) -> tuple[Path, int]:
    """Flash the patch of a rig, and write flashes.json into a folder.

    Parameters
    ----------
    rig_file
        The rig's description.
    out
        The folder; a file of that name that is there is refused.
    n_flashes
        How many.
    stop
        Asked after each.
    is_practice
        Whether any screen will do, and the flashes are marked as simulated.

    Returns
    -------
    Path, int
        The file, and how many flashes it has.

    Raises
    ------
    RigError
        The rig has no photodiode or no wire for codes, or the file is there.
    SessionError
        The screen or the wire is not fit.
    """
    rig, _ = read_rig(rig_file)
    path = out / FLASHES_NAME
    _refuse_unfit(rig, rig_file, path)
    with ExitStack() as stack:
        codes = open_codes(rig.codes, NoRecorder(), Microcontrollers())
        stack.callback(close_device, f"digital codes ({codes.transport})", codes.close)
        display = stack.enter_context(open_patch_display(rig_file, [GREY_LEVEL], stop=stop, simulated=is_practice))
        shown = flash_and_keep(display, codes, rig, path, n_flashes=n_flashes, stop=stop, is_practice=is_practice)
    return path, shown


def _refuse_unfit(rig: RigDocument, rig_file: Path, path: Path) -> None:
    if rig.photodiode is None:
        raise RigError(f"{rig_file}: expected a photodiode, found none. Glue one on, and describe its patch.")
    if rig.codes.transport not in _WIRES:
        raise RigError(
            f"{rig_file}: expected codes by a wire ({', '.join(_WIRES)}), found {rig.codes.transport}: light is "
            "measured against the code of its flip. Wire a port."
        )
    if path.exists():
        raise RigError(f"{path}: expected no flashes yet, found a file. Choose another --out.")


def flash_and_keep(
    display: Display,
    codes: CodePort,
    rig: RigDocument,
    path: Path,
    *,
    n_flashes: int,
    stop: StopRequest,
    is_practice: bool = False,
) -> int:
    """Flash, and write what was flashed however it ends; return how many there were.

    Parameters
    ----------
    display, codes
        Open.
    rig
        Whose they are.
    path
        The file to write.
    n_flashes
        How many are wanted.
    stop
        Asked after each.
    is_practice
        Whether they are marked as simulated.
    """
    numbers = CodeSettings()
    shown: list[PatchFlash] = []
    try:  # what was flashed before a fault is written too
        for one in flash(
            display,
            codes,
            n_flashes=n_flashes,
            code_of=numbers.presentation,
            seed=n_flashes,
            is_ended=lambda: stop.requested,
        ):
            shown.append(one)
    finally:
        if shown:
            FlashesDocument(
                simulated=is_practice or display.clock_kind == "virtual",
                rig=rig.name,
                date=datetime.date.today(),
                refresh_hz=rig.subject_screen.refresh_hz,
                codes=codes.transport,
                flashes=tuple(shown),
            ).write(path)
    return len(shown)
