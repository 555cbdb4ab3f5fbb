"""Keeps watch over the window: whether the animal sees it, under the gamma ramp of the start, on a screen awake."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from closedloop.errors import SessionError
from rig.display.desktop import Desktop, WindowWatcher
from rig.display.psychopy.gamma import GammaGuard
from rig.display.screens import Rectangle

_SETTLES_S = 3.0  # a window manager has that long to put a window where it belongs
_LOOK_AGAIN_S = 0.25  # while something is wrong everything is asked anew, but not at every frame

LookAtPixels = Callable[[], tuple[str, ...]]


class WindowGuard:
    """Watches one window and its screen; where the desktop cannot be asked it sees the gamma ramp alone.

    Parameters
    ----------
    window
        PsychoPy's.
    desktop
        Where it is, or None.
    wanted
        Where it has to be.
    look_at_pixels
        Says in words whether the screen shows what was drawn last.
    """

    def __init__(
        self, window: Any, desktop: Desktop | None, wanted: Rectangle, *, look_at_pixels: LookAtPixels
    ) -> None:
        self._window, self._desktop, self._wanted, self._pixels = window, desktop, wanted, look_at_pixels
        self._watch: WindowWatcher | None = desktop.watch(window.winHandle._window, wanted) if desktop else None
        self.gamma = GammaGuard(window, desktop, wanted)
        self._words: tuple[str, ...] = ()
        self._looked_s = time.monotonic()

    def begin(self, flip: Callable[[], object]) -> None:
        """Put the window in its place and on top, and the screen saver off.

        Parameters
        ----------
        flip
            Shows a frame, so that the window library takes part in what the desktop does with its window.

        Raises
        ------
        SessionError
            The desktop lets something else be on top, or puts the window elsewhere.
        """
        if self._watch is None or self._desktop is None:
            return
        self._desktop.keep_awake()
        flip()
        self._bring_back_to(self._watch)
        until_s = time.monotonic() + _SETTLES_S
        while self._watch.look() and time.monotonic() < until_s:
            flip()
        if words := self._watch.look():
            raise SessionError(
                f"display: expected the window on top, in its place and with the keyboard, found: {'; '.join(words)}."
            )

    def poll(self) -> tuple[str, ...]:
        """Return what is wrong now; a tenth of a millisecond where nothing changed."""
        if self._words and time.monotonic() - self._looked_s > _LOOK_AGAIN_S:
            return self.look()
        if self._watch is not None:
            window_words = self._watch.poll()
            if window_words:
                self._words = tuple(dict.fromkeys((*window_words, *self._words)))
        return self._words

    def look(self) -> tuple[str, ...]:
        """Return what is wrong, from asking everything anew."""
        words = self._watch.look() if self._watch is not None else ()
        if self._desktop is not None:
            words += self._pixels() if not words else ()
            self._desktop.keep_awake()
        self._words = (*words, *self.gamma.words())
        self._looked_s = time.monotonic()
        return self._words

    def look_at_ramp(self) -> None:
        """Look at the gamma ramp alone, of whose changes no desktop tells: a millisecond."""
        self._words = tuple(dict.fromkeys((*self._words, *self.gamma.words())))

    def bring_back(self) -> None:
        """Put the window on top and into its place, and the gamma ramp back."""
        if self._watch is not None:
            self._bring_back_to(self._watch)
        if self.gamma.words():
            self.gamma.reset()

    def _bring_back_to(self, watch: WindowWatcher) -> None:
        watch.bring_back()
        if watch.place() != self._wanted:  # under a window manager a full screen opens on the first one
            self._window.winHandle.set_location(self._wanted.left_px, self._wanted.top_px)

    def end(self) -> None:
        """Leave the gamma ramp and the screen saver as they were."""
        self.gamma.release()
        if self._desktop is not None:
            self._desktop.let_sleep()
