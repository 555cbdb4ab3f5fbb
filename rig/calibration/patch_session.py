"""A session of plain grey squares in the middle of the animal's screen, for photometer and photodiode.

The display, its checks and its flips are those of a session with an animal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from closedloop.artifacts.day.session import (
    CodeSettings,
    ScreenSettings,
    ScriptedMonkey,
    SessionDocument,
    TrialSettings,
)
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.rig.description import RigDocument, read_rig
from rig.display.display import Display
from rig.session.folder import PlannedPresentation, Session
from rig.session.hold import hold_screen
from rig.stop import StopRequest

SIDE_PX = 64
GREY_LEVEL = 127


def patch_session(rig: RigDocument, levels: Sequence[int], *, on_frames: int = 1, simulated: bool = False) -> Session:
    """Return a session whose images are squares of one level each, half as high as the screen.

    Parameters
    ----------
    rig
        Whose screen it is shown on.
    levels
        Of the squares, 0 to 255: the n-th is image n.
    on_frames
        How long an image is up.
    simulated
        Whether the display need not keep time: what is shown for practice is never kept.
    """
    screen, patch = rig.subject_screen, rig.photodiode
    scale = max(1, min(screen.width_px, screen.height_px) // (2 * SIDE_PX))
    half_cm = SIDE_PX * scale * screen.cm_per_px / 2
    images = np.empty((len(levels), SIDE_PX, SIDE_PX, 3), np.uint8)
    images[:] = np.array(levels, np.uint8)[:, None, None, None]
    document = SessionDocument(
        simulated=simulated,
        session_id="calibration",
        study_id="calibration",
        subject="nobody",
        day=0,
        seed=0,
        n_presentations=len(levels),
        n_images=len(levels),
        image_side_px=SIDE_PX,
        screen=ScreenSettings(
            refresh_hz=screen.refresh_hz,
            width_px=screen.width_px,
            height_px=screen.height_px,
            cm_per_px=screen.cm_per_px,
            image_scale=scale,
            visual_angle_deg=math.degrees(2 * math.atan(half_cm / screen.distance_cm)),
            grey_level=GREY_LEVEL,
            full_screen=True,
            screen=screen.screen,
            photodiode_px=patch.side_px if patch is not None else 0,
        ),
        trial=TrialSettings(
            on_frames=on_frames,
            off_frames=1,
            presentations_per_trial=len(levels),
            acquire_timeout_ms=1,
            hold_ms=0,
            fixation_window_deg=1.0,
            saccade_boxcar_samples=1,
            intertrial_ms=0,
            reward_ms=0,
            misses_before_time_out=1,
            time_out_ms=0,
            fixation_dot_px=2,
        ),
        codes=CodeSettings(),
        monkey=ScriptedMonkey(seed=0, ignore_probability=0.0, leave_early_probability=0.0) if simulated else None,
    )
    planned = tuple(PlannedPresentation(number, number, stimulus_id(image), 0) for number, image in enumerate(images))
    return Session(folder=Path(), document=document, planned=planned, images=images)


@contextmanager
def open_patch_display(
    rig_file: Path, levels: Sequence[int], *, stop: StopRequest, simulated: bool = False
) -> Iterator[Display]:
    """Open the animal's screen with squares of these levels, held against other rigs, while the block runs.

    Parameters
    ----------
    rig_file
        The rig's description.
    levels
        See `patch_session`.
    stop
        Asked by a key in the window.
    simulated
        See `patch_session`.

    Raises
    ------
    SessionError
        Another rig is at work on the screen, or it is not fit.
    """
    from rig.display.psychopy.display import PsychoPyDisplay  # noqa: PLC0415 - takes a second and needs a screen

    rig, _ = read_rig(rig_file)
    session = patch_session(rig, levels, simulated=simulated)
    with hold_screen(session, Path()):
        display = PsychoPyDisplay(session, stop=stop, rig=rig)
        try:
            yield display
        finally:
            display.close()
