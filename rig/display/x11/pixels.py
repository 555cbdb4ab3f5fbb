"""Pixels as they are on the screen: of the root window, with whatever lies above ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from Xlib import X

from closedloop.errors import SessionError
from rig.display.screens import Rectangle

_BYTES = 4  # a pixel of 24 bits comes in four bytes


def refuse_other_depth(server: Any) -> None:
    """Refuse a desktop on which a level is not eight bits.

    Raises
    ------
    SessionError
        It has another depth.
    """
    depth = server.screen().root_depth
    if depth != 24:
        raise SessionError(
            f"display: expected 24 bits a pixel, found {depth}: levels are not shown as they are. "
            "Set DefaultDepth 24 in the X server's configuration."
        )


def read_screen(server: Any, place: Rectangle) -> NDArray[np.uint8]:
    """Return a part of the screen, row x column x RGB, the top row first.

    Raises
    ------
    SessionError
        It does not lie on the desktop.
    """
    root = server.screen().root
    try:
        image = root.get_image(place.left_px, place.top_px, place.width_px, place.height_px, X.ZPixmap, 0xFFFFFFFF)
    except Exception as error:
        raise SessionError(
            f"display: expected {place} on the desktop, found it beyond its edge. Move the window back."
        ) from error
    order = "little" if server.display.info.image_byte_order == X.LSBFirst else "big"
    pixels = np.frombuffer(image.data, dtype=np.uint8).reshape(place.height_px, place.width_px, _BYTES)
    return pixels[..., 2::-1] if order == "little" else pixels[..., 1:]
