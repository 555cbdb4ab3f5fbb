"""The PsychoPy window: one texture a slot, whole pixels, uint8 to the screen. The only file that imports psychopy.

Each default of PsychoPy that would change pixels or timing in silence is turned off or turned into an error here.
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.session import ScreenSettings
from closedloop.errors import SessionError
from rig.display.display import BLANK, DisplayFacts, DisplayName, Picture
from rig.display.fitness import refuse_unfit
from rig.display.pacing import FlipRate, ScreenPacing, TimerPacing, judge_flips
from rig.display.pixel_audit import PixelAuditor
from rig.display.placement import Placement, degrees, place
from rig.ports.clock import ClockKind, RealClock
from rig.ports.gaze import GazePoint
from rig.session.folder import Session
from rig.stop import StopRequest

os.environ.setdefault("PSYCHOPYNOPACKAGES", "1")  # or it rewrites PATH and sys.path

_N_PROBE_FLIPS = 60
_N_WARM_FLIPS = 10  # the first flips of a window compile shaders
_GAMMA_TOLERANCE = 1.0 / 256.0


class PsychoPyDisplay:
    """Shows a session in a PsychoPy window.

    Parameters
    ----------
    session
        Screen, images and trial of the session.
    stop
        Asked when the operator presses Escape in the window.
    auditor
        Reads back images as they are shown, or None.

    Raises
    ------
    SessionError
        There is no such screen, or it has another size, rate, grey or gamma ramp than the session was planned for.
    """

    name: DisplayName = "psychopy"
    clock_kind: ClockKind = "real"

    def __init__(self, session: Session, *, stop: StopRequest, auditor: PixelAuditor | None = None) -> None:
        self._session, self._stop, self._auditor = session, stop, auditor
        self._screen = session.document.screen
        self._placement = place(self._screen, session.document.image_side_px)
        self._clock = RealClock()
        self._flipped_s = 0.0
        self._slots: list[int] = []
        self._shown_slot: int | None = None
        self._visual, self._event = _import_psychopy()
        self._priority = _take_priority()
        self.window = _open_window(self._visual, self._screen)
        try:
            self._make_stimuli()
            self._probe()
        except BaseException:
            self.window.close()
            raise

    def _make_stimuli(self) -> None:
        trial = self._session.document.trial
        grey = np.full((*self._session.images.shape[1:],), self._screen.grey_level, dtype=np.uint8)
        self._images = [self._image_stimulus(grey) for _ in range(trial.presentations_per_trial)]
        self._dot = _dot(self._visual, self.window, trial.fixation_dot_px)
        self._patch = _patch(self._visual, self.window, self._placement)

    def _image_stimulus(self, pixels: NDArray[np.uint8]) -> Any:
        square = self._placement.image
        return self._visual.ImageStim(
            self.window,
            image=_pil(pixels),
            size=(square.side_px, square.side_px),
            pos=square.centre_from(self._screen.width_px, self._screen.height_px),
            units="pix",
            interpolate=False,
            autoLog=False,
        )

    def _probe(self) -> None:
        renderer = _renderer()
        self._pacing: TimerPacing | ScreenPacing = ScreenPacing()
        rate = self._measure(renderer)
        if rate.pacing == "timer":
            self._pacing = TimerPacing(self._clock, refresh_hz=self._screen.refresh_hz)
        self.refresh_hz = rate.measured_hz if rate.pacing == "vblank" else self._screen.refresh_hz
        self.facts = DisplayFacts(
            renderer=renderer,
            width_px=int(self.window.size[0]),
            height_px=int(self.window.size[1]),
            measured_hz=rate.measured_hz,
            pacing=rate.pacing,
            gamma=_gamma(self.window),
            grey_level=self._read_grey(),
            priority=self._priority,
        )
        refuse_unfit(self.facts, self._screen)

    def _measure(self, renderer: str) -> FlipRate:
        for _ in range(_N_WARM_FLIPS):
            self.flip(BLANK)
        flips_s = [self.flip(BLANK) for _ in range(_N_PROBE_FLIPS)]
        simulated = self._session.document.simulated
        return judge_flips(flips_s, refresh_hz=self._screen.refresh_hz, renderer=renderer, simulated=simulated)

    def _read_grey(self) -> int | None:
        self.draw(BLANK)
        square = self._placement.image
        pixels = read_back(square.left_px, square.bottom_px, square.side_px)
        self.window.flip()
        return int(pixels[0, 0, 0]) if np.all(pixels == pixels[0, 0, 0]) else None

    def now_s(self) -> float:
        """Return the computer's monotonic clock, seconds."""
        return self._clock.now_s()

    def utc(self) -> str:
        """Return the wall clock, ISO 8601."""
        return self._clock.utc()

    def prepare(self, image_indices: Sequence[int]) -> None:
        """Upload the images of the next trial, check what was read back of the last one, and tidy memory.

        Raises
        ------
        SessionError
            A pixel on the screen was not the planned one.
        """
        if self._auditor is not None:
            self._auditor.compare()
        for stimulus, index in zip(self._images, image_indices, strict=False):
            stimulus.setImage(_pil(self._session.images[index]), log=False)
        self._slots = list(image_indices)
        # Nothing is collected while images run: a collection in a trial costs a frame.
        gc.enable()
        gc.collect(0)
        gc.disable()

    def flip(self, picture: Picture, *, at_flip: Callable[[], None] | None = None) -> float:
        """Show a picture at the next frame and return when it appeared, seconds."""
        self.draw(picture)
        self._pacing.wait()
        self.window.callOnFlip(self._note_flip)
        if at_flip is not None:
            self.window.callOnFlip(at_flip)
        self.window.flip()
        self._shown_slot = picture.slot
        if self._event.getKeys(keyList=["escape"]):
            self._stop.ask()
        return self._flipped_s

    def _note_flip(self) -> None:
        self._flipped_s = self._clock.now_s()

    def draw(self, picture: Picture) -> None:
        """Draw a picture into the back buffer; `flip` shows it.

        Raises
        ------
        ValueError
            The slot was not prepared.
        """
        if picture.slot is not None:
            if picture.slot >= len(self._slots):
                raise ValueError(f"expected a slot below {len(self._slots)}, found {picture.slot}")
            self._images[picture.slot].draw()
            if self._auditor is not None and picture.slot != self._shown_slot:
                square = self._placement.image
                self._auditor.offer(
                    self._slots[picture.slot], lambda: read_back(square.left_px, square.bottom_px, square.side_px)
                )
        if self._patch is not None:
            self._patch.fillColor = (255, 255, 255) if picture.slot is not None else (0, 0, 0)
            self._patch.draw()
        if picture.fixation and self._dot is not None:
            self._dot.draw()
        _finish_drawing()

    def close(self) -> None:
        """Close the window and collect memory as usual again."""
        gc.enable()
        self.window.close()
        _give_priority_back()


class MouseGaze:
    """The mouse as an eye, for demonstrations."""

    def __init__(self, display: PsychoPyDisplay, *, cm_per_px: float, distance_cm: float) -> None:
        _, event = _import_psychopy()
        self._mouse = event.Mouse(win=display.window)
        self._cm_per_px, self._distance_cm = cm_per_px, distance_cm

    def start_trial(self, trial: int, time_s: float) -> None:
        """Do nothing: a mouse knows no trials."""

    def look(self, time_s: float) -> GazePoint:  # noqa: ARG002 - the port's signature; a mouse is read now
        """Return where the mouse points, in degrees from the middle."""
        x_deg, y_deg = (
            degrees(float(px), cm_per_px=self._cm_per_px, distance_cm=self._distance_cm) for px in self._mouse.getPos()
        )
        return GazePoint(x_deg, y_deg)

    def close(self) -> None:
        """Do nothing: the mouse goes with the window."""


def open_parallel_port(address: str) -> Any:
    """Open a parallel port by its device (``/dev/parport0``) or address (``0x378``).

    Raises
    ------
    SessionError
        There is none, or its driver is missing.
    """
    from psychopy import parallel  # noqa: PLC0415

    try:
        return parallel.ParallelPort(int(address, 16) if address.lower().startswith("0x") else address)
    except Exception as error:
        raise SessionError(
            f"parallel port {address}: expected to open it, found {error!r}. Check its name, driver and permissions."
        ) from error


def _import_psychopy() -> tuple[Any, Any]:
    try:
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


def _take_priority() -> bool:
    from psychopy import core  # noqa: PLC0415

    return bool(core.rush(True))


def _give_priority_back() -> None:
    from psychopy import core  # noqa: PLC0415

    core.rush(False)


def _open_window(visual: Any, screen: ScreenSettings) -> Any:
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


def _dot(visual: Any, window: Any, side_px: int) -> Any:
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


def _patch(visual: Any, window: Any, placement: Placement) -> Any:
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


def _pil(pixels: NDArray[np.uint8]) -> Any:
    from PIL import Image  # noqa: PLC0415

    # A float array would be shown wrongly in silence (values below mid-grey become black); uint8 RGB is exact.
    return Image.fromarray(np.ascontiguousarray(pixels))


def read_back(left_px: int, bottom_px: int, side_px: int) -> NDArray[np.uint8]:
    """Return a square of the back buffer, row x column x RGB, the top row first."""
    from pyglet import gl  # noqa: PLC0415

    buffer = (ctypes.c_ubyte * (side_px * side_px * 3))()
    gl.glReadBuffer(gl.GL_BACK)
    gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
    gl.glReadPixels(left_px, bottom_px, side_px, side_px, gl.GL_RGB, gl.GL_UNSIGNED_BYTE, buffer)
    pixels = np.ctypeslib.as_array(buffer).reshape(side_px, side_px, 3)
    return pixels[::-1]


def _renderer() -> str:
    from pyglet.gl import gl_info  # noqa: PLC0415

    return str(gl_info.get_renderer())


def _finish_drawing() -> None:
    from pyglet import gl  # noqa: PLC0415

    gl.glFinish()


def _gamma(window: Any) -> Literal["identity", "not identity", "not readable"]:
    from psychopy.visual.backends import gamma  # noqa: PLC0415

    backend = window.backend
    try:
        ramp = gamma.getGammaRamp(backend.screenID, xDisplay=backend.xDisplay, gammaErrorPolicy="raise")
    except Exception:  # noqa: BLE001 - servers without the extension fail in many ways; the check says so
        return "not readable"
    identity = np.linspace(0.0, 1.0, ramp.shape[1])
    return "identity" if np.abs(ramp - identity).max() <= _GAMMA_TOLERANCE else "not identity"
