"""Whether the map of gaze is the one for this tracker and this screen, and how well it fits."""

from __future__ import annotations

from typing import Final

from closedloop.artifacts.rig.calibrations import GazeFit
from closedloop.artifacts.rig.description import RigDocument
from rig.check.findings import Finding, fail, warn

MOST_ERROR_DEG: Final = 1.0
"""Half of the usual window's radius: with a larger error an eye at its edge is taken for one that fixates, or not."""

_SAME_SCREEN: Final = 0.01  # of distance and width: what a ruler tells; at 10 degrees it is a tenth of one
_AGAIN: Final = "Calibrate again: rig calibrate gaze --rig FILE."


def judge_gaze_map(rig: RigDocument, age: str | Finding) -> str | Finding:
    """Say what stands against a rig's map of gaze, its age included.

    Parameters
    ----------
    rig
        The description.
    age
        What was found of the calibration's date.
    """
    fit, words = rig.calibrations.gaze_fit, age if isinstance(age, str) else age.found
    if fit is None:
        return age
    if (isinstance(age, Finding) and age.status == "FAIL") or rig.calibrations.gaze_map is None:
        return age
    if other := _other_rig(rig, fit):
        return fail(f"expected a map of gaze made on this rig, found one {other}", _AGAIN)
    error = f"error {fit.error_deg:.2f} deg (median), {fit.worst_deg:.2f} deg (largest), from {fit.n_points} points"
    if not fit.is_validated:
        return warn(f"{words}: {error}, and no other points were shown to try the map", _AGAIN)
    if fit.worst_deg > MOST_ERROR_DEG:
        return warn(f"{words}: {error}, more than {MOST_ERROR_DEG:g} deg", _AGAIN)
    return f"{words}: {error}" if isinstance(age, str) else warn(f"{words}: {error}", age.fix)


def _other_rig(rig: RigDocument, fit: GazeFit) -> str:
    """Return in words what the map was made with where that is not what stands here."""
    screen = rig.subject_screen
    if fit.source != rig.gaze.source:
        return f"by {fit.source}, and gaze.source is {rig.gaze.source}"
    if fit.address != rig.gaze.address:
        return f"by {fit.source} at {fit.address or 'no address'}, and gaze.address is {rig.gaze.address or 'null'}"
    if fit.values not in (None, rig.gaze.values):
        return f"of {fit.values}, and gaze now has {rig.gaze.values}"
    for what, made_cm, found_cm in (
        ("seen from", fit.distance_cm, screen.distance_cm),
        ("on a picture of", fit.width_cm, screen.width_cm),
    ):
        if abs(made_cm / found_cm - 1.0) > _SAME_SCREEN:
            return f"{what} {made_cm:g} cm, and rig.yaml now says {found_cm:g} cm"
    return ""
