"""What is found on this computer, each with what to write into rig.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from closedloop.errors import ClosedLoopError
from rig.display.listing import list_screens
from rig.display.screens import FoundScreen
from rig.ports.found import FoundPort, parallel_ports, serial_ports

DeviceKind = Literal["screen", "serial", "parallel", "mouse", "library"]

LIBRARIES = {  # import name: what it drives, the package that has it
    "pylink": ("EyeLink trackers", "sr-research-pylink"),
    "pylsl": ("trackers that stream by LSL", "pylsl"),
    "pycbsdk": ("Blackrock recorders", "pycbsdk"),
}


@dataclass(frozen=True)
class FoundDevice:
    """Something that rig.yaml can name.

    Attributes
    ----------
    kind
        What it is.
    name
        As the system calls it.
    says
        What is known of it.
    write
        What to write into rig.yaml to use it; empty where nothing can be.
    trouble
        What keeps it from being used as it is; empty where nothing does.
    number, width_px, height_px, refresh_hz
        Of a screen; empty or None of everything else, and what the system does not say.
    """

    kind: DeviceKind
    name: str
    says: str
    write: str = ""
    trouble: str = ""
    number: str = ""
    width_px: int | None = None
    height_px: int | None = None
    refresh_hz: float | None = None


def find_devices() -> tuple[list[FoundDevice], list[str]]:
    """Look for everything.

    Returns
    -------
    list, list
        What was found, and a line for each kind that could not be looked for.
    """
    found: list[FoundDevice] = []
    lines: list[str] = []
    try:
        screens = list_screens()
        found += of_screens(screens)
    except ClosedLoopError as error:
        lines.append(str(error))
    try:
        found += of_serial(serial_ports())
    except ClosedLoopError as error:
        lines.append(str(error))
    found += [
        FoundDevice("parallel", port.address, port.says, _parallel(port.address), port.trouble)
        for port in parallel_ports()
    ]
    return [*found, *_libraries()], lines


def of_serial(ports: Sequence[FoundPort]) -> Iterator[FoundDevice]:
    """Yield serial ports."""
    for port in ports:
        yield FoundDevice("serial", port.address, port.says, _serial(port.address), port.trouble)


def _serial(address: str) -> str:
    """Return what a serial port can be: nobody knows what is at it, and to ask it might do anything."""
    microcontroller = f"{_codes('microcontroller', address)}, reward: {{device: microcontroller, address: {address}}}"
    return f"{_codes('serial', address)}; or, if it has the rig's firmware, {microcontroller}"


def _parallel(address: str) -> str:
    valve = f"reward: {{device: digital_line, address: {address}, line: D0}}"
    return f"{_codes('parallel', address)}; or, for a valve alone, {valve}"


def _codes(transport: str, address: str) -> str:
    return f"codes: {{transport: {transport}, address: {address}}}"


def of_screens(screens: Sequence[FoundScreen]) -> Iterator[FoundDevice]:
    """Yield screens, and the mouse that is over them."""
    for screen in screens:
        place, hz = screen.place, screen.refresh_hz
        says = f"{place}, {f'{hz:.2f} Hz' if hz else 'a rate that the system does not say'}"
        rate = f", refresh_hz: {_rounded(hz):g}" if hz else ""
        write = f"screen: {screen.number}, width_px: {place.width_px}, height_px: {place.height_px}{rate}"
        yield FoundDevice(
            "screen",
            f"{screen.number} ({screen.name})",
            says,
            f"subject_screen: {{{write}}}",
            _trouble(screen, screens),
            number=str(screen.number),
            width_px=place.width_px,
            height_px=place.height_px,
            refresh_hz=_rounded(hz) if hz else None,
        )
    if screens:
        yield FoundDevice("mouse", "mouse", "stands for an eye in a demonstration", "gaze: {source: mouse}")


def _rounded(hz: float) -> float:
    """Return a mode's rate as a person writes it: its pixel clock has three digits after the point at most."""
    return round(hz, 2)


def _trouble(screen: FoundScreen, screens: Sequence[FoundScreen]) -> str:
    if len(screen.outputs) > 1:
        return f"the same picture goes to {screen.name}: separate them"
    sharing = [other.name for other in screens if other is not screen and other.place.overlaps(screen.place)]
    if sharing:
        return f"shows the same part of the desktop as {', '.join(sharing)}: put them side by side"
    if screen.scale is not None and round(screen.scale, 3) != 1:
        return f"{screen.scale:g} of its pixels for one of the picture: turn scaling off"
    return ""


def _libraries() -> Iterator[FoundDevice]:
    for module, (drives, package) in LIBRARIES.items():
        is_there = "installed" if find_spec(module) is not None else f"not installed ({package})"
        yield FoundDevice("library", module, f"for {drives}: {is_there}; this version has no port for them yet")


def listed(devices: Sequence[FoundDevice]) -> Iterator[str]:
    """Yield lines for a person: what there is, what is wrong with it, what to write."""
    width = max((len(device.name) for device in devices), default=0)
    for device in devices:
        yield f"{device.kind:<8}  {device.name:<{width}}  {device.says}"
        if device.trouble:
            yield f"{'':<8}  {'':<{width}}  but {device.trouble}"
        if device.write:
            yield f"{'':<8}  {'':<{width}}  {device.write}"
