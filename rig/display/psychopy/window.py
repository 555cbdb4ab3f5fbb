"""What is asked of PsychoPy and the graphics driver: the window, its shapes, its pixels, the gamma ramp.

Each default of PsychoPy that would change pixels or timing in silence is turned off or turned into an error here.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.session import ScreenSettings
from closedloop.errors import SessionError
from rig.display.screens import FoundScreen, Rectangle

os.environ.setdefault("PSYCHOPYNOPACKAGES", "1")  # or it rewrites PATH and sys.path


def import_psychopy() -> tuple[Any, Any]:
    """Return PsychoPy's modules `visual` and `event`.

    Raises
    ------
    SessionError
        PsychoPy is not installed, or there is no screen.
    """
    try:
        os.environ.setdefault("HOME", str(Path.home()))  # where it keeps preferences; a service starts without it
        from psychopy import event, logging, visual  # noqa: PLC0415
    except ImportError as error:
        raise SessionError(
            f"display: expected PsychoPy, found none ({error}). Install closedloop with its rig extra."
        ) from error
    except Exception as error:
        raise SessionError(
            f"display: expected a screen, found none ({type(error).__name__}). "
            "Log in at the rig's screen, or pass --display headless."
        ) from error
    logging.console.setLevel(logging.ERROR)
    return visual, event


def psychopy_version() -> str:
    """Return PsychoPy's version."""
    from psychopy import __version__  # noqa: PLC0415

    return str(__version__)


def take_priority() -> bool:
    """Ask the system to run the rig before everything else; return whether it does."""
    from psychopy import core  # noqa: PLC0415

    return bool(core.rush(True))


def release_priority() -> None:
    """Run like other programs again."""
    from psychopy import core  # noqa: PLC0415

    core.rush(False)


def open_window(visual: Any, screen: ScreenSettings) -> Any:
    """Open a window of the session's size on its screen, which has to be there: PsychoPy would take another."""
    from psychopy import monitors  # noqa: PLC0415

    monitor = monitors.Monitor("closedloop, not stored", width=screen.width_px * screen.cm_per_px, autoLog=False)
    window = visual.Window(
        size=(screen.width_px, screen.height_px),
        fullscr=screen.full_screen,
        screen=screen.screen,
        monitor=monitor,
        units="pix",
        color=[screen.grey_level] * 3,
        colorSpace="rgb255",
        allowGUI=False,
        checkTiming=False,
        waitBlanking=True,
        useFBO=False,
        multiSample=False,
        gamma=None,
        autoLog=False,
    )
    window.recordFrameIntervals = False
    window.mouseVisible = False
    return window


def list_pyglet_screens() -> tuple[FoundScreen, ...]:
    """Return the screens that PsychoPy's window library counts, for desktops that cannot be asked directly."""
    import pyglet  # noqa: PLC0415

    return tuple(
        FoundScreen(
            number=number,
            outputs=(),
            place=Rectangle(screen.x, screen.y, screen.width, screen.height),
            refresh_hz=None,
            scale=None,
            width_cm=None,
        )
        for number, screen in enumerate(pyglet.canvas.get_display().get_screens())
    )


def refuse_scaled(window: Any) -> None:
    """Refuse a window whose picture has another number of pixels than the screen (HiDPI).

    Raises
    ------
    SessionError
        It has.
    """
    drawn, shown = window.winHandle.get_viewport_size(), window.winHandle.get_size()
    if tuple(drawn) != tuple(shown):
        raise SessionError(
            f"display: expected as many pixels drawn as shown, found {drawn[0]} x {drawn[1]} drawn for {shown[0]} x "
            f"{shown[1]}. Set the system's scaling of this screen to 100 %."
        )


def read_back(left_px: int, bottom_px: int, side_px: int) -> NDArray[np.uint8]:
    """Return a square of the back buffer, row x column x RGB, the top row first.

    Parameters
    ----------
    left_px, bottom_px
        Its lower left corner, screen pixels from the screen's.
    side_px
        Its side.
    """
    from pyglet import gl  # noqa: PLC0415

    buffer = (ctypes.c_ubyte * (side_px * side_px * 3))()
    gl.glReadBuffer(gl.GL_BACK)
    gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
    gl.glReadPixels(left_px, bottom_px, side_px, side_px, gl.GL_RGB, gl.GL_UNSIGNED_BYTE, buffer)
    pixels = np.ctypeslib.as_array(buffer).reshape(side_px, side_px, 3)
    return pixels[::-1]


def renderer_name() -> str:
    """Return the graphics driver's name."""
    from pyglet.gl import gl_info  # noqa: PLC0415

    return str(gl_info.get_renderer())


def finish_drawing() -> None:
    """Wait until the graphics card has drawn everything."""
    from pyglet import gl  # noqa: PLC0415

    gl.glFinish()


def wait_until_shown(window: Any) -> None:
    """Wait until the desktop has taken what was drawn: its answers to others are of the picture before until then."""
    handle = window.winHandle
    if hasattr(handle, "_x_display"):
        from pyglet.libs.x11 import xlib  # noqa: PLC0415 - of X servers alone

        xlib.XSync(handle._x_display, 0)
