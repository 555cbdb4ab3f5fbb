"""The PsychoPy display: a ring of textures, whole pixels, uint8 to the screen, and an eye on what becomes of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.rig.description import RigDocument
from closedloop.terminal.streams import say
from rig.display.desktop import Desktop, open_desktop
from rig.display.display import BLANK, DisplayFacts, DisplayName, Flip, Picture
from rig.display.fitness import refuse_unfit
from rig.display.frame_count import BlankCount, FrameRaster
from rig.display.pacing import Evenness, FlipRate, ScreenPacing, TimerPacing, judge_flips, measure_evenness
from rig.display.pixel_audit import PixelAuditor, enlarge
from rig.display.placement import Square, disc, place, screen_of, target_square
from rig.display.psychopy.drawing import TextureRing, begin_frame, draw_dot, draw_text, fill_square
from rig.display.psychopy.guard import WindowGuard
from rig.display.psychopy.server_loss import ServerConnection
from rig.display.psychopy.sync_control import open_blank_count
from rig.display.psychopy.window import (
    finish_drawing,
    import_psychopy,
    list_pyglet_screens,
    open_window,
    psychopy_version,
    read_back,
    refuse_scaled,
    release_priority,
    renderer_name,
    take_priority,
    wait_until_shown,
)
from rig.display.screens import FoundScreen, Rectangle, choose_screen
from rig.ports.clock import ClockKind, RealClock
from rig.session.folder import Session
from rig.session.sealed_images import SealedImages
from rig.stop import BY_KEY, QuitKeys, StopRequest

_N_PROBE_FLIPS = 60
_N_WARM_FLIPS = 10  # the first flips of a window compile shaders


class PsychoPyDisplay:
    """Shows a session in a PsychoPy window.

    Parameters
    ----------
    session
        Images and trial of the session, and its screen where no rig is described.
    stop
        Asked when the operator confirms Escape in the window before anybody asks for its keys.
    auditor
        Compares images as they are shown, or None.
    rig
        Says which screen, and where the photodiode is; or None.

    Raises
    ------
    SessionError
        There is no such screen; it is shared, scaled, covered, or has another size, rate, grey or gamma ramp than the
        session was planned for.
    """

    name: DisplayName = "psychopy"
    clock_kind: ClockKind = "real"

    def __init__(
        self,
        session: Session,
        *,
        stop: StopRequest,
        auditor: PixelAuditor | None = None,
        rig: RigDocument | None = None,
    ) -> None:
        self._session, self._stop, self._auditor = session, stop, auditor
        self._images = SealedImages(session)
        self._screen, corner = screen_of(session.document, rig)
        self._placement = place(self._screen, session.document.image_side_px, corner=corner)
        self._dot = self._placement.dot(session.document.trial.fixation_dot_px)
        self._dot_mask = self._mask_of(self._dot)
        self._distance_cm = rig.subject_screen.distance_cm if rig is not None else self._placement.distance_cm
        self._clock = RealClock()
        self._server = ServerConnection()
        self._flipped_s = 0.0
        self._slots: list[int] = []
        self._shown: Picture | None = None
        self._shown_index: int | None = None
        self._image_went_off = False
        self._text = ""
        self._pressed: list[str] = []
        self._early_keys, self._keys_are_asked_for = QuitKeys(), False
        with ExitStack() as opened, self._server.refuse_lost():
            self._open(opened)
            self._closing = opened.pop_all()

    def _open(self, opened: ExitStack) -> None:
        visual, self._event = import_psychopy()
        opened.callback(gc.enable)
        self._desktop = open_desktop()
        if self._desktop is not None:
            opened.callback(self._close_desktop, self._desktop)
        found = self._choose_screen()
        opened.callback(release_priority)
        self._priority = take_priority()
        with self._desktop.seen_to_appear() if self._desktop is not None else nullcontext():
            self.window = open_window(visual, self._screen)
            self._server.watch(self.window)
            opened.callback(self._server.close_window, self.window)
        self._textures = TextureRing(
            self._session.document.trial.presentations_per_trial, self._session.document.image_side_px
        )
        self._wanted = self._wanted_place(found)
        self._guard = WindowGuard(self.window, self._desktop, self._wanted, look_at_pixels=self._look_at_pixels)
        opened.callback(self._end_watch)
        self._probe(found)

    def _choose_screen(self) -> FoundScreen:
        screens = self._desktop.screens() if self._desktop is not None else list_pyglet_screens()
        return choose_screen(
            screens,
            self._screen.screen,
            width_px=self._screen.width_px,
            height_px=self._screen.height_px,
            full_screen=self._screen.full_screen,
        )

    def _wanted_place(self, found: FoundScreen) -> Rectangle:
        if self._screen.full_screen:
            return found.place
        left_px = found.place.left_px + (found.place.width_px - self._screen.width_px) // 2
        top_px = found.place.top_px + (found.place.height_px - self._screen.height_px) // 2
        return Rectangle(left_px, top_px, self._screen.width_px, self._screen.height_px)

    def _probe(self, found: FoundScreen) -> None:
        renderer = renderer_name()
        self._pacing: TimerPacing | ScreenPacing = ScreenPacing()
        self._frames: FrameRaster | BlankCount | TimerPacing = FrameRaster(self._screen.refresh_hz)
        refuse_scaled(self.window)
        self._guard.begin(lambda: self.flip(BLANK))
        rate = self._measure(renderer)
        self._frames = self._frame_counter(rate)
        self.refresh_hz = rate.measured_hz if rate.pacing == "vblank" else self._screen.refresh_hz
        gamma, was_left = self._guard.gamma.hold()
        self.facts = DisplayFacts(
            renderer=renderer,
            width_px=int(self.window.size[0]),
            height_px=int(self.window.size[1]),
            measured_hz=rate.measured_hz,
            pacing=rate.pacing,
            gamma=gamma,
            grey_level=self._read_grey(),
            versions={"psychopy": psychopy_version()},
            priority=self._priority,
            frame_counter="oml" if isinstance(self._frames, BlankCount) else "timer",
            output=found.name,
            is_watched=self._desktop is not None,
            read_back="screen" if self._desktop is not None else "back_buffer",
            has_compositor=self._desktop is not None and self._desktop.has_compositor(),
            made_good=("the gamma ramp, which a rig that was killed had left",) if was_left else (),
        )
        if self._auditor is not None and self._desktop is not None:
            self._auditor.reads_screen = True
        refuse_unfit(self.facts, self._screen)

    def _measure(self, renderer: str) -> FlipRate:
        for _ in range(_N_WARM_FLIPS):
            self.flip(BLANK)
        flips_s = [self.flip(BLANK).time_s for _ in range(_N_PROBE_FLIPS)]
        simulated = self._session.document.simulated
        return judge_flips(flips_s, refresh_hz=self._screen.refresh_hz, renderer=renderer, simulated=simulated)

    def _frame_counter(self, rate: FlipRate) -> FrameRaster | BlankCount | TimerPacing:
        if rate.pacing == "timer":
            self._pacing = TimerPacing(self._clock, refresh_hz=self._screen.refresh_hz)
            return self._pacing
        return open_blank_count(self.window, lambda: self.flip(BLANK)) or FrameRaster(rate.measured_hz)

    def _read_grey(self) -> int | None:
        self.flip(BLANK)
        pixels = self._read_shown(self._placement.image)
        return int(pixels[0, 0, 0]) if np.all(pixels == pixels[0, 0, 0]) else None

    def _read_shown(self, square: Square) -> NDArray[np.uint8]:
        if self._desktop is None:
            self.draw(self._shown or BLANK)
            return read_back(square.left_px, square.bottom_px, square.side_px)
        wait_until_shown(self.window)
        return self._desktop.read_pixels(square.on_desktop(self._wanted))

    def measure_evenness(self, duration_s: float = 10.0) -> Evenness:
        """Show grey for so long and return how evenly flips came; `refuse_uneven` judges."""
        flips_s = [self.flip(BLANK).time_s]
        while flips_s[-1] - flips_s[0] < duration_s:
            flips_s.append(self.flip(BLANK).time_s)
        return measure_evenness(flips_s, refresh_hz=self._screen.refresh_hz)

    def now_s(self) -> float:
        """Return the computer's monotonic clock, seconds."""
        return self._clock.now_s()

    def utc(self) -> str:
        """Return the wall clock, ISO 8601."""
        return self._clock.utc()

    def prepare(self, image_indices: Sequence[int]) -> None:
        """Upload the images of the next trial, look after the window and at what was shown, and tidy memory.

        Raises
        ------
        SessionError
            A pixel on the screen was not the planned one, or the images are others than at the start.
        """
        with self._server.refuse_lost():
            self._audit_shown()
            self._guard.look()
        if self._auditor is not None:
            self._auditor.compare()
        for slot, index in enumerate(image_indices):
            self._textures.upload(slot, self._images.take(index))
        self._slots = list(image_indices)
        # Nothing is collected while images run: a collection in a trial costs a frame.
        gc.enable()
        gc.collect(0)
        gc.disable()

    def flip(self, picture: Picture, *, at_flip: Callable[[], None] | None = None) -> Flip:
        """Show a picture at the next frame.

        Raises
        ------
        SessionError
            The X server is gone.
        """
        with self._server.refuse_lost():
            return self._flip(picture, at_flip)

    def show_text(self, text: str) -> Flip:
        """Show text on grey at the next frame, in the middle, lines set apart by line ends."""
        self._text = text
        flip = self.flip(BLANK)
        self._text = ""
        return flip

    def _flip(self, picture: Picture, at_flip: Callable[[], None] | None) -> Flip:
        if self._shown is not None and picture.slot != self._shown.slot:
            self._audit_shown()
            self._image_went_off |= self._shown.slot is not None
        self.draw(picture)
        before = self._pacing.frame if isinstance(self._pacing, TimerPacing) else 0
        self._pacing.wait()
        self.window.callOnFlip(self._note_flip)
        if at_flip is not None:
            self.window.callOnFlip(at_flip)
        self.window.flip()
        self._shown = picture
        self._shown_index = self._slots[picture.slot] if picture.slot is not None else None
        self._take_keys()
        return Flip(self._flipped_s, self._count(before))

    def _count(self, frame_before: int) -> int:
        match self._frames:
            case TimerPacing():
                return self._frames.frame - frame_before
            case BlankCount():
                n_frames = self._frames.count()
                if n_frames is not None:
                    return n_frames
                self._frames = FrameRaster(self.refresh_hz)
        return self._frames.count(self._flipped_s)

    def _take_keys(self) -> None:
        pressed = self._event.getKeys()
        self._pressed += pressed
        for key in pressed if not self._keys_are_asked_for else ():
            match self._early_keys.press(key, now_s=self.now_s()):
                case "quit":
                    self._stop.ask(BY_KEY)
                case "asked":
                    say(self._early_keys.question(self.now_s()))

    def _note_flip(self) -> None:
        self._flipped_s = self._clock.now_s()

    def health(self) -> tuple[str, ...]:
        """Return in words what keeps the animal from seeing the picture, or kept it from the one before."""
        with self._server.refuse_lost():
            if self._image_went_off:
                self._image_went_off = False
                self._guard.look_at_ramp()
            return self._guard.poll()

    def bring_back(self) -> None:
        """Put the window on top, into its place, with the keyboard; the gamma ramp as it was."""
        with self._server.refuse_lost():
            self._guard.bring_back()

    def keys(self) -> tuple[str, ...]:
        """Return the names of the keys that were pressed since it was asked last."""
        if not self._keys_are_asked_for:  # as it opened and was checked there was nothing to ask for but the end
            self._keys_are_asked_for = True
            self._pressed = ["escape"] if self._early_keys.question(self.now_s()) else []
        pressed, self._pressed = tuple(self._pressed), []
        return pressed

    def draw(self, picture: Picture) -> None:
        """Draw a picture into the back buffer; `flip` shows it.

        Raises
        ------
        ValueError
            The slot was not prepared.
        """
        if picture.slot is not None and picture.slot >= len(self._slots):
            raise ValueError(f"expected a slot below {len(self._slots)}, found {picture.slot}")
        begin_frame(self._screen.width_px, self._screen.height_px, grey_level=self._screen.grey_level)
        if picture.slot is not None:
            self._textures.draw(picture.slot, self._placement.image)
            if self._desktop is None and self._auditor is not None:
                square = self._placement.image
                self._auditor.offer(
                    self._slots[picture.slot], lambda: read_back(square.left_px, square.bottom_px, square.side_px)
                )
        if self._placement.photodiode is not None:
            fill_square(self._placement.photodiode, is_white=picture.slot is not None)
        if self._text:
            draw_text(self._text, self._screen.width_px, self._screen.height_px)
        if picture.fixation:
            draw_dot(self._dot, disc(self._dot.side_px))
        if picture.target_deg is not None:
            draw_dot(self._target(picture.target_deg), disc(self._dot.side_px))
        finish_drawing()

    def _audit_shown(self) -> None:
        """Offer the image that is on the screen, just before the next picture takes its place."""
        shown = self._shown
        if self._auditor is None or self._desktop is None or shown is None or self._shown_index is None:
            return
        self._auditor.offer(
            self._shown_index,
            lambda: self._read_shown(self._placement.image),
            dot=self._dot_mask if shown.fixation else None,
        )

    def _look_at_pixels(self) -> tuple[str, ...]:
        """Return in words whether the screen shows what was drawn last."""
        if self._shown is None:
            return ()
        found, expected = self._read_shown(self._placement.image), self._pixels_shown(self._shown)
        patch, is_white = self._placement.photodiode, self._shown_index is not None
        n_wrong = int(np.any(found != expected, axis=-1).sum())
        if patch is not None:
            n_wrong += int(np.any(self._read_shown(patch) != (255 if is_white else 0), axis=-1).sum())
        if not n_wrong:
            return ()
        return (f"the screen shows {n_wrong} pixels that were not drawn: something lies over the window",)

    def _pixels_shown(self, picture: Picture) -> NDArray[np.uint8]:
        """Return the pixels that the image's square has to have: a copy, the picture's dot on it."""
        side = self._placement.image.side_px
        if self._shown_index is None:
            pixels = np.full((side, side, 3), self._screen.grey_level, dtype=np.uint8)
        else:
            pixels = enlarge(self._session.images[self._shown_index], self._screen.image_scale)
        if picture.fixation:
            pixels[self._dot_mask] = 255
        if picture.target_deg is not None:
            pixels[self._mask_of(self._target(picture.target_deg))] = 255
        return pixels

    def _target(self, target_deg: tuple[float, float]) -> Square:
        side_px = self._dot.side_px
        return target_square(self._screen, target_deg, side_px=side_px, distance_cm=self._distance_cm)

    def _mask_of(self, dot: Square) -> NDArray[np.bool_]:
        """Return which pixels of the image's square the dot covers, row x column, the top row first."""
        image = self._placement.image
        mask = np.zeros((image.side_px, image.side_px), dtype=bool)
        left, bottom = dot.left_px - image.left_px, dot.bottom_px - image.bottom_px
        for row, column in np.argwhere(disc(dot.side_px)):  # from below; a dot may be larger than the image
            y, x = image.side_px - 1 - (bottom + row), left + column
            if 0 <= y < image.side_px and 0 <= x < image.side_px:
                mask[y, x] = True
        return mask

    def _end_watch(self) -> None:
        with self._server.forgive_lost():
            self._guard.end()

    def _close_desktop(self, desktop: Desktop) -> None:
        with self._server.forgive_lost():
            desktop.close()

    def close(self) -> None:
        """Close the window; gamma ramp, screen saver, priority and collection of memory are as before."""
        self._closing.close()
