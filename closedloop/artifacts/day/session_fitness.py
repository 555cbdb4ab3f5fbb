"""Whether a session can be shown: what its numbers, each of them possible, exclude together.

One set of checks, asked three times: by the study before it makes a session, by `rig check` before the animal sits
down, and by `rig present` before it begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from closedloop.artifacts.day.session import ScreenSettings, SessionDocument, TrialSettings

_LEAST_DISTANCE_CM, _MOST_DISTANCE_CM = 2.0, 1_000.0  # a microdisplay before the eye; a projector in a hall
_MOST_HOURS = 24.0


@dataclass(frozen=True)
class Misfit:
    """What cannot be.

    Attributes
    ----------
    check
        What `rig check` calls it.
    key
        Of the protocol, to be changed.
    fault
        What was expected and what was found.
    remedy
        What to do, in a sentence.
    """

    check: Literal["layout", "duration"]
    key: str
    fault: str
    remedy: str


def misfits_of(session: SessionDocument) -> Iterator[Misfit]:
    """Yield what stands against showing a session."""
    screen, trial = session.screen, session.trial
    yield from misfits_of_screen(screen, session.image_side_px)
    yield from misfits_of_trial(screen, trial, n_presentations=session.n_presentations)


def viewing_distance_cm(screen: ScreenSettings, image_side_px: int) -> float:
    """Return from where the image subtends its visual angle."""
    half_cm = image_side_px * screen.image_scale * screen.cm_per_px / 2
    return half_cm / math.tan(math.radians(screen.visual_angle_deg) / 2)


def misfits_of_screen(screen: ScreenSettings, image_side_px: int) -> Iterator[Misfit]:
    """Yield what is wrong with an image in the middle of a screen and the photodiode's patch in a corner.

    Parameters
    ----------
    screen
        The screen and the size of the image on it.
    image_side_px
        Of the image, pixels of its own.
    """
    side, shorter = image_side_px * screen.image_scale, min(screen.width_px, screen.height_px)
    beside = max((screen.width_px - side) // 2, (screen.height_px - side) // 2)
    key, remedy = "presentation.image_scale", "Lower image_scale in the protocol, or use a larger screen."
    if side > shorter:
        found = f"expected an image of at most {shorter} px, found {side} px ({image_side_px} x {screen.image_scale})"
        yield Misfit("layout", key, found, remedy)
    elif screen.photodiode_px > beside:
        found = f"expected a photodiode patch of at most {beside} px beside the image, found {screen.photodiode_px} px"
        yield Misfit("layout", key, found, remedy)
    distance_cm = viewing_distance_cm(screen, image_side_px)
    if not _LEAST_DISTANCE_CM <= distance_cm <= _MOST_DISTANCE_CM:
        yield Misfit(
            "layout",
            "presentation.screen_cm_per_px",
            f"expected a viewing distance of {_LEAST_DISTANCE_CM:g} to {_MOST_DISTANCE_CM:g} cm, found "
            f"{distance_cm:.2g} cm ({side} px of {screen.cm_per_px:g} cm, {screen.visual_angle_deg:g} degrees)",
            "Correct screen_cm_per_px or visual_angle_deg in the protocol.",
        )


def misfits_of_trial(screen: ScreenSettings, trial: TrialSettings, *, n_presentations: int) -> Iterator[Misfit]:
    """Yield what is wrong with a session's trials.

    Parameters
    ----------
    screen, trial
        The settings.
    n_presentations
        Of the session.
    """
    shorter = min(screen.width_px, screen.height_px)
    if trial.fixation_dot_px > shorter:
        yield Misfit(
            "layout",
            "trial.fixation_dot_px",
            f"expected a fixation point of at most {shorter} px, found {trial.fixation_dot_px} px",
            "Lower fixation_dot_px in the protocol.",
        )
    each_s = (trial.on_frames + trial.off_frames) / screen.refresh_hz
    n_trials = -(-n_presentations // trial.presentations_per_trial)
    hours = (n_presentations * each_s + n_trials * (trial.hold_ms + trial.intertrial_ms) / 1000) / 3600
    if hours > _MOST_HOURS:
        yield Misfit(
            "duration",
            "presentation.on_ms",
            f"expected a session of at most {_MOST_HOURS:g} h, found {hours:,.0f} h if every trial is completed",
            "Shorten what is shown, or show less in a day.",
        )
