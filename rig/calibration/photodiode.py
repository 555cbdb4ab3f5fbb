"""Flashes of the photodiode's patch, each with a digital code at its flip, as images of a session have.

Light is then measured in the recording, against the code (`closedloop recording light`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from closedloop.artifacts.rig.calibrations import LightDelay
from closedloop.artifacts.rig.light import PatchFlash
from closedloop.errors import SessionError
from rig.display.display import BLANK, Display, Picture
from rig.ports.codes import CodePort
from rig.ports.wired import Wired

_ON_S = 0.1
_OFF_S = (0.2, 0.4)
"""Random within: a rhythm would let a lost code pass for the one before."""
_POOR = 0.02  # share of flashes without light, or light without flash
_FLASH = Picture(slot=0, fixation=False)


def flash(
    display: Display,
    codes: CodePort,
    *,
    n_flashes: int,
    code_of: Callable[[int], int],
    seed: int,
    is_ended: Callable[[], bool] = lambda: False,
) -> Iterator[PatchFlash]:
    """Flash the patch, and yield each flash when it is over; image 0 of the display is shown with it.

    Parameters
    ----------
    display
        Where; image 0 is taken up.
    codes
        Sent at the flip, as for an image.
    n_flashes
        How many.
    code_of
        Returns the code of the n-th flash.
    seed
        Of the times between.
    is_ended
        Whether somebody asked to stop.

    Raises
    ------
    SessionError
        The display or the way of codes failed, or the window is not seen.
    """
    random, refresh_hz = Random(seed), display.refresh_hz
    display.prepare([0])
    for number in range(n_flashes):
        for _ in range(round(random.uniform(*_OFF_S) * refresh_hz)):
            display.flip(BLANK)
            if is_ended():
                return
        code = code_of(number)
        shown = display.flip(_FLASH, at_flip=lambda code=code: codes.send(code))  # type: ignore[misc]
        n_frames = 1
        while n_frames < round(_ON_S * refresh_hz):
            n_frames += display.flip(_FLASH).n_frames
        display.flip(BLANK)
        if troubles := display.health():
            raise SessionError(f"display: expected the flashes to be seen, found that {troubles[0]}. Clear the screen.")
        if isinstance(codes, Wired):
            codes.check()
        yield PatchFlash(code=code, time_s=shown.time_s, n_frames=n_frames)


def doubts_of_light(light: LightDelay) -> list[str]:
    """Return in words what is implausible about what was measured; empty where nothing is."""
    n_missed, n_extra = light.n_missed or 0, light.n_extra or 0  # who typed two numbers has counted neither
    n_seen = light.n_flashes + n_missed
    doubts = []
    if n_missed > _POOR * n_seen:
        doubts.append(
            f"{n_missed} of {n_seen} flashes have no light: look at the photodiode and its patch, and flash again"
        )
    if n_extra > _POOR * n_seen:
        doubts.append(
            f"{n_extra} edges of light belong to no flash, so that others may be wrong too: shade the "
            "photodiode, raise its gain, and flash again"
        )
    return doubts
