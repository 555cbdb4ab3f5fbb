"""The gamma ramps between the pixels drawn and the light: the identity while a session runs, or no session.

There are two: XFree86's of the whole desktop (`xgamma`, PsychoPy) and RandR's of each screen (`xrandr --gamma`, night
lights, colour profiles); the graphics card applies one after the other. A rig that begins under the identity leaves a
mark on the desktop, which lives as long as the ramps do. Where the next one finds the mark and another ramp, the first
was killed, and what came since is taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rig.display.desktop import Desktop
from rig.display.screens import Rectangle

GammaState = Literal["identity", "not identity", "not readable"]

_TOLERANCE = 1.0 / 256.0
_MARK = "_CLOSEDLOOP_RIG_IDENTITY_RAMP"


class GammaGuard:
    """Keeps the identity on one screen.

    Parameters
    ----------
    window
        PsychoPy's.
    desktop
        Where the window is, or None where it cannot be asked.
    place
        The screen on the desktop.
    """

    def __init__(self, window: Any, desktop: Desktop | None, place: Rectangle) -> None:
        self._window, self._desktop, self._place = window, desktop, place
        self._mark = f"{_MARK}_{place.left_px}_{place.top_px}"
        self._is_held = False

    def hold(self) -> tuple[GammaState, bool]:
        """Take away what a killed rig left, and remember the identity.

        Returns
        -------
        GammaState, bool
            What the ramps are, and whether something was taken away.
        """
        found, was_left = self.read(), False
        if found == "not identity" and self._desktop is not None and self._desktop.has_mark(self._mark):
            self.reset()
            found, was_left = self.read(), True
        if found == "identity":
            self._is_held = True
            if self._desktop is not None:
                self._desktop.set_mark(self._mark)
        return found, was_left

    def read(self) -> GammaState:
        """Return what the graphics card does to pixel values now."""
        ramps = list(self._ramps())
        if not ramps:
            return "not readable"
        deviation = max(np.abs(ramp - np.linspace(0.0, 1.0, ramp.shape[1])).max() for ramp in ramps)
        return "identity" if deviation <= _TOLERANCE else "not identity"

    def words(self) -> tuple[str, ...]:
        """Return in words whether the ramp changed since the session began."""
        if self._is_held and self.read() == "not identity":
            return ("the gamma ramp is another than at the start: turn night light and colour profiles off",)
        return ()

    def reset(self) -> None:
        """Give the screen the identity, in both ramps."""
        from psychopy.visual.backends import gamma  # noqa: PLC0415

        backend, ramp = self._window.backend, self._of_the_desktop()
        if ramp is not None:
            identity = np.tile(np.linspace(0.0, 1.0, ramp.shape[1]), (3, 1))
            gamma.setGammaRamp(backend.screenID, identity, xDisplay=backend.xDisplay, gammaErrorPolicy="warn")
        if self._desktop is not None:
            self._desktop.reset_ramps(self._place)

    def release(self) -> None:
        """Leave the identity behind where the session began with it."""
        if not self._is_held:
            return
        self._is_held = False
        found = self.read()
        if found == "not readable":  # the window's connection is gone: the next rig looks, as after a kill
            return
        if found == "not identity":
            self.reset()
        if self._desktop is not None:
            self._desktop.remove_mark(self._mark)

    def _ramps(self) -> Iterator[NDArray[np.float64]]:
        of_the_desktop = self._of_the_desktop()
        if of_the_desktop is None:  # a server without a graphics card (Xvfb): RandR answers whatever is in its memory
            return
        yield of_the_desktop
        if self._desktop is not None:
            yield from self._desktop.read_ramps(self._place)

    def _of_the_desktop(self) -> NDArray[np.float64] | None:
        from psychopy.visual.backends import gamma  # noqa: PLC0415

        backend = self._window.backend
        try:
            return np.asarray(gamma.getGammaRamp(backend.screenID, xDisplay=backend.xDisplay, gammaErrorPolicy="raise"))
        except Exception:  # noqa: BLE001 - servers without the extension fail in many ways; the check says so
            return None
