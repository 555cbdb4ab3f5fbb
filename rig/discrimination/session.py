"""A session of an experiment as the display knows one: images, a screen, and two of them in each trial."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from closedloop.artifacts.day.session import (
    CodeSettings,
    ScreenSettings,
    ScriptedMonkey,
    SessionDocument,
    TrialSettings,
)
from closedloop.artifacts.day.session_fitness import misfits_of_screen
from closedloop.artifacts.discrimination.experiment import OpenExperiment
from closedloop.artifacts.rig.description import RigDocument
from rig.session.folder import PlannedPresentation, Session

_DESK = {"width_px": 800, "height_px": 600, "refresh_hz": 60.0, "cm_per_px": 0.05, "full_screen": False}
_DESK_CM = 57.0
_PER_TRIAL = 2


def display_session(experiment: OpenExperiment, number: int, rig: RigDocument | None) -> Session:
    """Return what a display shows of an experiment; of the settings of an animal's trial it takes none into account.

    Parameters
    ----------
    experiment
        Its folder, opened.
    number
        Which session.
    rig
        Whose screen; None: a window on a desk.

    Raises
    ------
    DocumentError
        There is no such session, or the images are others than experiment.json names.
    """
    document, images = experiment.document, experiment.images()
    trials = experiment.session(number)
    screen = _screen_of(experiment, rig)
    n_trials = len(trials["trial"])
    frames = max(1, round(document.task.image_ms * screen.refresh_hz / 1000.0))
    session = SessionDocument(
        simulated=True,  # for the display: no animal looks, and a screen without a vertical blank may show it
        session_id=f"{document.experiment_id}/{number:04d}",
        study_id="discrimination",
        subject="people",
        day=0,
        seed=document.seed,
        n_presentations=_PER_TRIAL * n_trials,
        n_images=len(images),
        image_side_px=document.image_side_px,
        screen=screen,
        trial=TrialSettings(
            on_frames=frames,
            off_frames=frames,
            presentations_per_trial=_PER_TRIAL,
            acquire_timeout_ms=1.0,
            hold_ms=0.0,
            fixation_window_deg=1.0,
            saccade_boxcar_samples=1,
            intertrial_ms=document.task.pause_ms,
            reward_ms=0.0,
            misses_before_time_out=1,
            time_out_ms=0.0,
            fixation_dot_px=2,
        ),
        codes=CodeSettings(),
        monkey=ScriptedMonkey(seed=document.seed, ignore_probability=0.0, leave_early_probability=0.0),
    )
    shown = np.stack([trials["first_index"], trials["second_index"]], axis=1).ravel().tolist()
    planned = tuple(
        PlannedPresentation(place, int(index), document.stimulus_ids[index], 0) for place, index in enumerate(shown)
    )
    return Session(experiment.paths.root, session, planned, images)


def _screen_of(experiment: OpenExperiment, rig: RigDocument | None) -> ScreenSettings:
    """Return the screen, with images as near to the wanted size as whole screen pixels allow."""
    if rig is None:
        plain, distance_cm = dict(_DESK, screen=0), _DESK_CM
    else:
        found, distance_cm = rig.subject_screen, rig.subject_screen.distance_cm
        plain = {name: getattr(found, name) for name in ("screen", "width_px", "height_px", "refresh_hz", "cm_per_px")}
    plain["photodiode_px"] = 0 if rig is None or rig.photodiode is None else rig.photodiode.side_px
    side_px = experiment.document.image_side_px
    wanted_cm = 2 * distance_cm * math.tan(math.radians(experiment.document.task.degrees) / 2)
    scale = max(1, round(wanted_cm / float(plain["cm_per_px"]) / side_px))
    screen = _scaled(plain, experiment, scale, distance_cm)
    while screen.image_scale > 1 and any(misfits_of_screen(screen, side_px)):
        screen = _scaled(plain, experiment, screen.image_scale - 1, distance_cm)
    return screen


def _scaled(plain: Mapping[str, object], experiment: OpenExperiment, scale: int, distance_cm: float) -> ScreenSettings:
    half_cm = experiment.document.image_side_px * scale * float(str(plain["cm_per_px"])) / 2
    angle_deg = 2 * math.degrees(math.atan(half_cm / distance_cm))
    level = experiment.document.task.grey_level
    given = {**plain, "image_scale": scale, "visual_angle_deg": angle_deg, "grey_level": level}
    return ScreenSettings.model_validate(given)
