"""What is asked of PsychoPy and the graphics driver: the window, its shapes, its pixels, the gamma ramp.

Each default of PsychoPy that would change pixels or timing in silence is turned off or turned into an error here.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.session import ScreenSettings
from closedloop.errors import SessionError
from rig.display.placement import Placement

os.environ.setdefault("PSYCHOPYNOPACKAGES", "1")  # or it rewrites PATH and sys.path

_GAMMA_TOLERANCE = 1.0 / 256.0


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
    """Open a window of the session's size on its screen.

    Raises
    ------
    SessionError
        There is no such screen.
    """
    from psychopy import monitors  # noqa: PLC0415

    _refuse_missing_screen(screen)
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


def _refuse_missing_screen(screen: ScreenSettings) -> None:
    import pyglet  # noqa: PLC0415

    n_screens = len(pyglet.canvas.get_display().get_screens())
    if screen.screen >= n_screens:
        raise SessionError(
            f"display: expected screen {screen.screen}, found {n_screens} screens. "
            "Connect it, or set screen in the protocol (counted from 0)."
        )


def fixation_dot(visual: Any, window: Any, side_px: int) -> Any:
    """Return the fixation dot, white in the middle, or None where its side is zero.

    Parameters
    ----------
    visual
        PsychoPy's module.
    window
        Where it is drawn.
    side_px
        Its diameter, screen pixels.
    """
    if side_px == 0:
        return None
    return visual.Circle(
        window,
        radius=side_px / 2,
        units="pix",
        fillColor=(255, 255, 255),
        lineColor=None,
        colorSpace="rgb255",
        autoLog=False,
    )


def photodiode_patch(visual: Any, window: Any, placement: Placement) -> Any:
    """Return the patch for the photodiode, or None where the session has none.

    Parameters
    ----------
    visual
        PsychoPy's module.
    window
        Where it is drawn.
    placement
        Where it lies.
    """
    square = placement.photodiode
    if square is None:
        return None
    return visual.Rect(
        window,
        width=square.side_px,
        height=square.side_px,
        pos=square.centre_from(int(window.size[0]), int(window.size[1])),
        units="pix",
        fillColor=(0, 0, 0),
        lineColor=None,
        colorSpace="rgb255",
        autoLog=False,
    )


def pil_image(pixels: NDArray[np.uint8]) -> Any:
    """Return uint8 pixels, row x column x RGB, as PsychoPy takes them without a change."""
    from PIL import Image  # noqa: PLC0415

    # A float array would be shown wrongly in silence (values below mid-grey become black); uint8 RGB is exact.
    return Image.fromarray(np.ascontiguousarray(pixels))


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


def gamma_ramp(window: Any) -> Literal["identity", "not identity", "not readable"]:
    """Return what the graphics card does to pixel values after they are drawn."""
    from psychopy.visual.backends import gamma  # noqa: PLC0415

    backend = window.backend
    try:
        ramp = gamma.getGammaRamp(backend.screenID, xDisplay=backend.xDisplay, gammaErrorPolicy="raise")
    except Exception:  # noqa: BLE001 - servers without the extension fail in many ways; the check says so
        return "not readable"
    identity = np.linspace(0.0, 1.0, ramp.shape[1])
    return "identity" if np.abs(ramp - identity).max() <= _GAMMA_TOLERANCE else "not identity"
