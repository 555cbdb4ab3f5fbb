"""What is found on this computer, each with what to write into rig.yaml."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from closedloop.errors import ClosedLoopError
from closedloop.plain_text.installing import install_command
from rig.display.listing import list_screens
from rig.display.screens import FoundScreen
from rig.ports.found import FoundPort, parallel_ports, serial_ports
from rig.ports.trackers.lsl_streams import LslStream, streams_here

DeviceKind = Literal["screen", "serial", "parallel", "mouse", "stream", "library"]

LIBRARIES = {  # import name: what it drives, the extra that brings it, what to write to use it
    "pylink": ("EyeLink trackers", "eyelink", "gaze: {source: eyelink, address: 100.1.1.1}"),
    "pylsl": ("trackers that stream by LSL", "lsl", "gaze: {source: lsl, address: NAME}, or type=Gaze"),
}

_LEAST_GLIBC = (2, 39)  # what pycbsdk's wheels for Linux are built against
_BLACKROCK = "recorder: {kind: blackrock, device: NSP}  # or HUB1, HUB2, HUB3, LEGACY_NSP"


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
    if find_spec("pylsl") is not None:
        try:
            found += of_streams(streams_here())
        except ClosedLoopError as error:
            lines.append(str(error))
    return [*found, *_libraries()], lines


def of_streams(streams: Sequence[LslStream]) -> Iterator[FoundDevice]:
    """Yield the LSL streams of this computer; those of others would have to be asked for over the network."""
    for stream in streams:
        rate = f"{stream.rate_hz:,.0f} samples/s" if stream.rate_hz else "an irregular rate"
        channels = f"channels {', '.join(stream.labels)}" if stream.labels else "channels without labels"
        says = f"LSL stream of type {stream.type or '(none)'}, {rate}, {channels}"
        yield FoundDevice("stream", stream.name, says, f"gaze: {{source: lsl, address: {json.dumps(stream.name)}}}")


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
    for module, (drives, extra, write) in LIBRARIES.items():
        is_there = find_spec(module) is not None
        says = "installed" if is_there else f"not installed ({install_command(extra)})"
        yield FoundDevice("library", module, f"for {drives}: {says}", write if is_there else "")
    yield recorders_library(is_installed=find_spec("pycbsdk") is not None, libc=platform.libc_ver())


def recorders_library(*, is_installed: bool, libc: tuple[str, str]) -> FoundDevice:
    """Return what is known of Blackrock's library without opening a device: nobody is asked who is on the network."""
    name, version = libc
    is_old = name == "glibc" and tuple(int(part) for part in version.split(".")[:2]) < _LEAST_GLIBC
    says = "installed" if is_installed else f"not installed ({install_command('blackrock')})"
    trouble = f"it needs glibc {_LEAST_GLIBC[0]}.{_LEAST_GLIBC[1]}, this system has {version}" if is_old else ""
    return FoundDevice("library", "pycbsdk", f"for Blackrock recorders: {says}", _BLACKROCK, trouble)


def listed(devices: Sequence[FoundDevice]) -> Iterator[str]:
    """Yield lines for a person: what there is, what is wrong with it, what to write."""
    width = max((len(device.name) for device in devices), default=0)
    for device in devices:
        yield f"{device.kind:<8}  {device.name:<{width}}  {device.says}"
        if device.trouble:
            yield f"{'':<8}  {'':<{width}}  but {device.trouble}"
        if device.write:
            yield f"{'':<8}  {'':<{width}}  {device.write}"
