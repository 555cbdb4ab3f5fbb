"""The PsychoPy display: one texture a slot, whole pixels, uint8 to the screen."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rig.display.display import BLANK, DisplayFacts, DisplayName, Flip, Picture
from rig.display.fitness import refuse_unfit
from rig.display.pacing import FlipRate, ScreenPacing, TimerPacing, judge_flips
from rig.display.pixel_audit import PixelAuditor
from rig.display.placement import place
from rig.display.psychopy.window import (
    finish_drawing,
    fixation_dot,
    gamma_ramp,
    import_psychopy,
    open_window,
    photodiode_patch,
    pil_image,
    psychopy_version,
    read_back,
    release_priority,
    renderer_name,
    take_priority,
)
from rig.ports.clock import ClockKind, RealClock
from rig.session.folder import Session
from rig.stop import StopRequest

_N_PROBE_FLIPS = 60
_N_WARM_FLIPS = 10  # the first flips of a window compile shaders


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
        self._visual, self._event = import_psychopy()
        self._priority = take_priority()
        self.window = open_window(self._visual, self._screen)
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
        self._dot = fixation_dot(self._visual, self.window, trial.fixation_dot_px)
        self._patch = photodiode_patch(self._visual, self.window, self._placement)

    def _image_stimulus(self, pixels: NDArray[np.uint8]) -> Any:
        square = self._placement.image
        return self._visual.ImageStim(
            self.window,
            image=pil_image(pixels),
            size=(square.side_px, square.side_px),
            pos=square.centre_from(self._screen.width_px, self._screen.height_px),
            units="pix",
            interpolate=False,
            autoLog=False,
        )

    def _probe(self) -> None:
        renderer = renderer_name()
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
            gamma=gamma_ramp(self.window),
            grey_level=self._read_grey(),
            versions={"psychopy": psychopy_version()},
            priority=self._priority,
        )
        refuse_unfit(self.facts, self._screen)

    def _measure(self, renderer: str) -> FlipRate:
        for _ in range(_N_WARM_FLIPS):
            self.flip(BLANK)
        flips_s = [self.flip(BLANK).time_s for _ in range(_N_PROBE_FLIPS)]
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
            stimulus.setImage(pil_image(self._session.images[index]), log=False)
        self._slots = list(image_indices)
        # Nothing is collected while images run: a collection in a trial costs a frame.
        gc.enable()
        gc.collect(0)
        gc.disable()

    def flip(self, picture: Picture, *, at_flip: Callable[[], None] | None = None) -> Flip:
        """Show a picture at the next frame."""
        before_s = self._flipped_s
        self.draw(picture)
        self._pacing.wait()
        self.window.callOnFlip(self._note_flip)
        if at_flip is not None:
            self.window.callOnFlip(at_flip)
        self.window.flip()
        self._shown_slot = picture.slot
        n_frames = round((self._flipped_s - before_s) * self._screen.refresh_hz) if before_s else 1
        return Flip(self._flipped_s, max(n_frames, 1))

    def health(self) -> tuple[str, ...]:
        """Return in words what keeps the animal from seeing the picture."""
        return ()

    def keys(self) -> tuple[str, ...]:
        """Return the names of the keys that were pressed since it was asked last."""
        return tuple(self._event.getKeys())

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
        finish_drawing()

    def close(self) -> None:
        """Close the window and collect memory as usual again."""
        gc.enable()
        self.window.close()
        release_priority()
