"""A screen without a study: a session of no images, so that the display of sessions can be opened for a calibration."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from closedloop.artifacts.day.session import (
    CodeSettings,
    ScreenSettings,
    ScriptedMonkey,
    SessionDocument,
    TrialSettings,
)
from closedloop.artifacts.rig.description import RigDocument
from rig.session.folder import Session

_SIDE_PX = 64  # of the grey square in the middle, which no calibration shows
_GREY = 128


def blank_session(rig: RigDocument, *, purpose: str, dot_px: int, grey_level: int = _GREY) -> Session:
    """Return a session of one grey image on a rig's screen; nothing of it is on a disk.

    It is a simulated one: what is shown in a calibration is timed for nobody, and no trial of it is data.

    Parameters
    ----------
    rig
        Whose screen.
    purpose
        What it is called where a screen is held.
    dot_px
        Diameter of its dots, screen pixels.
    grey_level
        Of the background, 0 to 255.
    """
    screen = rig.subject_screen
    half_cm = _SIDE_PX * screen.cm_per_px / 2
    return Session(
        folder=Path(purpose),
        document=SessionDocument(
            simulated=True,
            session_id=purpose,
            study_id=purpose,
            subject="none",
            day=0,
            seed=0,
            n_presentations=1,
            n_images=1,
            image_side_px=_SIDE_PX,
            screen=ScreenSettings(
                refresh_hz=screen.refresh_hz,
                width_px=screen.width_px,
                height_px=screen.height_px,
                cm_per_px=screen.cm_per_px,
                image_scale=1,
                visual_angle_deg=math.degrees(2 * math.atan(half_cm / screen.distance_cm)),
                grey_level=grey_level,
                screen=screen.screen,
                photodiode_px=rig.photodiode.side_px if rig.photodiode is not None else 0,
            ),
            trial=TrialSettings(
                on_frames=1,
                off_frames=0,
                presentations_per_trial=1,
                acquire_timeout_ms=1,
                hold_ms=0,
                fixation_window_deg=1,
                saccade_boxcar_samples=1,
                intertrial_ms=0,
                reward_ms=0,
                misses_before_time_out=1,
                time_out_ms=0,
                fixation_dot_px=dot_px,
            ),
            codes=CodeSettings(),
            monkey=ScriptedMonkey(seed=0, ignore_probability=0, leave_early_probability=0),
        ),
        planned=(),
        images=np.full((1, _SIDE_PX, _SIDE_PX, 3), grey_level, dtype=np.uint8),
    )
