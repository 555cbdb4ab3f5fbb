"""Screens by RandR: what is plugged in, where it lies on the desktop, at which rate, through which gamma ramp."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from Xlib.ext import randr

from rig.display.screens import FoundScreen, Rectangle

_TURNED = randr.Rotate_90 | randr.Rotate_270


def list_heads(server: Any) -> tuple[FoundScreen, ...]:
    """Return the screens that are on, in the order of RandR's monitors, which PsychoPy counts too."""
    root = server.screen().root
    if not server.has_extension("RANDR"):
        whole = root.get_geometry()
        place = Rectangle(0, 0, whole.width, whole.height)
        return (FoundScreen(number=0, outputs=(), place=place, refresh_hz=None, scale=None, width_cm=None),)
    modes = {mode["id"]: mode for mode in root.xrandr_get_screen_resources_current().modes}
    monitors = root.xrandr_get_monitors(is_active=True).monitors
    return tuple(_head(server, number, monitor, modes) for number, monitor in enumerate(monitors))


def _head(server: Any, number: int, monitor: Any, modes: dict[int, Any]) -> FoundScreen:
    outputs = [server.xrandr_get_output_info(output, 0) for output in monitor["crtcs"]]  # they are outputs
    refresh_hz, scale = None, None
    for output in outputs[:1]:
        crtc = server.xrandr_get_crtc_info(output.crtc, 0)
        if (mode := modes.get(crtc.mode)) is not None:
            lit_px = mode["height"] if crtc.rotation & _TURNED else mode["width"]
            scale, refresh_hz = lit_px / crtc.width, _rate_hz(mode)
    place = Rectangle(monitor["x"], monitor["y"], monitor["width_in_pixels"], monitor["height_in_pixels"])
    width_mm = monitor["width_in_millimeters"]
    return FoundScreen(
        number=number,
        outputs=tuple(output.name for output in outputs),
        place=place,
        refresh_hz=refresh_hz,
        scale=scale,
        width_cm=width_mm / 10 if width_mm else None,
    )


def _rate_hz(mode: Any) -> float | None:
    lines = mode["h_total"] * mode["v_total"]
    return mode["dot_clock"] / lines if lines else None


def read_ramps(server: Any, place: Rectangle) -> list[NDArray[np.float64]]:
    """Return the gamma ramp of each screen that shows a part of the desktop: RGB x level, in [0, 1]."""
    return [np.array([ramp.red, ramp.green, ramp.blue]) / 65535.0 for _, ramp in _ramps(server, place)]


def reset_ramps(server: Any, place: Rectangle) -> None:
    """Give each screen that shows a part of the desktop the identity as its ramp."""
    for crtc, ramp in _ramps(server, place):
        identity = np.linspace(0, 65535, len(ramp.red)).round().astype(int).tolist()
        server.xrandr_set_crtc_gamma(crtc, len(identity), identity, identity, identity)
    server.sync()


def _ramps(server: Any, place: Rectangle) -> Iterator[tuple[int, Any]]:
    if not server.has_extension("RANDR"):
        return
    for crtc in server.screen().root.xrandr_get_screen_resources_current().crtcs:
        lit = server.xrandr_get_crtc_info(crtc, 0)
        if lit.mode and Rectangle(lit.x, lit.y, lit.width, lit.height).overlaps(place):
            ramp = server.xrandr_get_crtc_gamma(crtc)
            if len(ramp.red) > 1:
                yield crtc, ramp
