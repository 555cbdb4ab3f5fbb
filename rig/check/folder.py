"""Checks of the session folder and of its numbers against the rig's: nothing is opened for them."""

from __future__ import annotations

from closedloop.artifacts.day.journal_rows import LaunchOpened
from closedloop.artifacts.day.session import ScreenSettings
from closedloop.artifacts.day.session_fitness import viewing_distance_cm
from closedloop.artifacts.gates.held import held_in_its_study
from closedloop.artifacts.rig.description import SubjectScreen
from closedloop.errors import RigError
from rig.apparatus import DescribedRig, describe_rig
from rig.check.findings import Finding, fail, unless_simulated, warn
from rig.check.inspection import Inspection
from rig.display.placement import place
from rig.machine.timeline import trial_frames
from rig.session.checks import check_images, refuse_misfits
from rig.session.folder import Session, read_session, verify_seal
from rig.session.foreign import JOURNAL_NAME

MOST_DIFFERENCE = 0.02
"""Between a size or a distance of the session and the rig's: 2 % of 8 degrees are ten minutes of arc."""

_PAPER_SESSION_H = 5.0  # section 3.1
_FRAME_TOLERANCE = 1e-3
_PLAUSIBLE_CM = (20.0, 300.0)  # nearer, no monkey focuses; farther, no screen of a laboratory is 8 degrees wide


def seal(at: Inspection) -> str | None:
    """Compare every byte with the seal."""
    if at.session is not None:
        return None  # it was opened, and compared, before
    return f"{verify_seal(at.launch.session) / 1e6:.1f} MB unchanged since they were sealed"


def session(at: Inspection) -> str:
    """Open the folder; its files must agree with each other."""
    at.session = at.session or read_session(at.launch.session)
    document = at.session.document
    mark = "simulated" if document.simulated else f"subject {document.subject}"
    return f"{document.session_id}, {mark}, {len(at.session.planned)} presentations of {len(at.session.images)} images"


def images(at: Inspection) -> str:
    """Compare every image with the name that the plan knows it by."""
    return check_images(at.known_session())


def held(at: Inspection) -> str | Finding | None:
    """Ask the study that the folder lies in whether something holds its session; a copy elsewhere cannot know.

    What has begun goes on, and a rehearsal shows an animal nothing.
    """
    has_begun = (at.launch.out / JOURNAL_NAME).is_file()
    asked = None if has_begun or at.launch.is_rehearsal else held_in_its_study(at.launch.session)
    if asked is None:
        return None
    study, holding = asked
    if not holding:
        return f"nothing holds it in {study}"
    first, n_others = holding[0], len(holding) - 1
    others = f", and {n_others} more" if n_others else ""
    return fail(
        f"expected a session that nothing holds in its study, found it held{others}: {first.line.rstrip('.')}",
        f"Show nothing before it is approved where the study is: `{first.approval(study)}`.",
    )


def rig(at: Inspection) -> str:
    """Read the rig's description."""
    described = describe_rig(at.known_session(), at.launch.rig)
    planned = at.known_session().document.screen
    if described is None:
        return "none is described: a simulated session needs none"
    at.describe(described)
    _refuse_other_screen(described.document.subject_screen, planned, place=str(described.path))
    return f"{described.document.name}, {described.path} ({described.sha256[:12]})"


def same_rig(at: Inspection) -> str | Finding | None:
    """Compare the rig with the one of the session's last launch: to go on with another is somebody's decision."""
    if not at.launches:
        return None
    before, rig = at.launches[-1], at.rig
    if before.rig is None:
        return _begun_without_rig(at, before)
    if rig is None or rig.document.name != before.rig:
        return unless_simulated(
            f"expected {before.rig}, as at the session's last launch, found "
            f"{f'{rig.document.name} in {rig.path}' if rig is not None else 'no rig (--rig)'}",
            f"Pass --rig FILE with the description of {before.rig}.",
            simulated=at.simulated,
        )
    if rig.sha256 != before.rig_sha256:
        return warn(
            f"{rig.path} was changed since the session's last launch", "See that it is meant: the journal notes both."
        )
    return f"{before.rig}, described as at the session's last launch"


def _begun_without_rig(at: Inspection, before: LaunchOpened) -> Finding | None:
    """Say what a session that was begun without a rig's description goes on with."""
    if at.rig is not None:
        return warn(
            f"the session's last launch had no rig, this one has {at.rig.document.name} ({at.rig.path})",
            "Leave --rig out, or see that it is meant: the journal notes both.",
        )
    if before.gaze not in (None, at.launch.gaze):
        return warn(
            f"gaze was {before.gaze} at the session's last launch, and is {at.launch.gaze} now",
            f"Pass --gaze {before.gaze}, or see that it is meant: the journal notes both.",
        )
    return None


def _refuse_other_screen(described: SubjectScreen, planned: ScreenSettings, *, place: str) -> None:
    sizes = [(one.width_px, one.height_px) for one in (planned, described)]
    if sizes[0] == sizes[1] and _is_near(described.refresh_hz, planned.refresh_hz):
        return
    wanted, found = (
        f"{one.width_px} x {one.height_px} pixels at {one.refresh_hz:g} Hz" for one in (planned, described)
    )
    raise RigError(
        f"{place}: expected a screen as the session was planned for, {wanted}, found {found}. "
        "Show it on the rig that it was planned for, or plan it for this screen (`presentation` in the protocol)."
    )


def _is_near(found: float, wanted: float) -> bool:
    return abs(found / wanted - 1.0) <= MOST_DIFFERENCE


def timing(at: Inspection) -> str | Finding:
    """Ask whether images are up for whole frames."""
    document = at.known_session().document
    frames, hz = document.trial, document.screen.refresh_hz
    on_ms, off_ms = (1000.0 * n / hz for n in (frames.on_frames, frames.off_frames))
    found = f"{frames.on_frames} frames on, {frames.off_frames} off: {on_ms:.2f} and {off_ms:.2f} ms at {hz:g} Hz"
    if all(abs(ms - round(ms)) < _FRAME_TOLERANCE for ms in (on_ms, off_ms)):
        return found
    return warn(found, "100 ms are whole frames at 60 and 120 Hz: use such a mode.")


def layout(at: Inspection) -> str:
    """Place the image, the photodiode's patch and the fixation point in whole pixels."""
    opened = at.known_session()
    refuse_misfits(opened, "layout")
    screen = opened.document.screen
    side_px = place(screen, opened.document.image_side_px, corner=at.corner).image.side_px
    return f"image of {side_px} px ({screen.image_scale} screen pixels per image pixel), in the middle"


def duration(at: Inspection) -> str | Finding:
    """Ask how long the session takes."""
    opened = at.known_session()
    refuse_misfits(opened, "duration")
    hours = least_duration_s(opened) / 3600.0
    found = f"at least {hours * 60:.1f} min if every trial is completed"
    if hours > _PAPER_SESSION_H:
        return warn(found, "Lower the hours of the protocol; 5 h is the paper's day.")
    return found


def least_duration_s(session: Session) -> float:
    """Return how long a session takes without a single miss, reaction times left out."""
    screen, trial = session.document.screen, session.document.trial
    frames = trial_frames(trial, screen.refresh_hz)
    n_trials = -(-len(session.planned) // trial.presentations_per_trial)
    per_trial = frames.hold + frames.interval
    return (n_trials * per_trial + len(session.planned) * frames.per_presentation) / screen.refresh_hz


def pixel_size(at: Inspection) -> str | Finding | None:
    """Compare the size of a pixel that the session was planned for with the screen's, by the ruler."""
    if at.rig is None:
        return None
    planned_cm = at.planned_cm_per_px
    measured_cm = at.rig.document.subject_screen.cm_per_px
    if _is_near(measured_cm, planned_cm):
        return f"{10 * measured_cm:.4f} mm, as planned"
    return fail(
        f"expected pixels of {10 * planned_cm:.4f} mm, found {10 * measured_cm:.4f} mm on the screen of {at.rig.path}",
        "Measure width_cm again, or plan the session for this screen (screen_cm_per_px in the protocol).",
    )


def distance(at: Inspection) -> str | Finding:
    """Compare the distance at which the image has its angle with the one that was measured."""
    document = at.known_session().document
    wanted_cm = viewing_distance_cm(document.screen, document.image_side_px)
    found = f"{document.screen.visual_angle_deg:g} deg at a viewing distance of {wanted_cm:.1f} cm"
    if at.rig is not None:
        measured_cm = at.rig.document.subject_screen.distance_cm
        if not _is_near(measured_cm, wanted_cm):
            return _other_distance(at, at.rig, measured_cm=measured_cm, wanted_cm=wanted_cm)
        found += f", {measured_cm:.1f} cm measured"
    if not _PLAUSIBLE_CM[0] <= wanted_cm <= _PLAUSIBLE_CM[1]:
        least, most = _PLAUSIBLE_CM
        return unless_simulated(
            f"expected a distance of {least:g} to {most:g} cm, found {found}",
            "Correct screen_cm_per_px, image_scale or visual_angle_deg in the protocol.",
            simulated=at.simulated,
        )
    return found


def _other_distance(at: Inspection, rig: DescribedRig, *, measured_cm: float, wanted_cm: float) -> Finding:
    if not _is_near(rig.document.subject_screen.cm_per_px, at.planned_cm_per_px):
        return fail(
            f"expected the size of a pixel settled, from which the distance follows, found {measured_cm:.1f} cm in "
            f"{rig.path} beside pixels of another size",
            "See to pixel-size first, and check again.",
        )
    return fail(
        f"expected the eye {wanted_cm:.1f} cm from the screen, where the image is "
        f"{at.known_session().document.screen.visual_angle_deg:g} deg wide, found {measured_cm:.1f} cm in {rig.path}",
        "Move the screen or the chair and measure distance_cm again, or plan the session for this distance.",
    )


def photodiode(at: Inspection) -> str | Finding | None:
    """Ask whether there is a patch for the photodiode."""
    opened = at.known_session()
    side_px = opened.document.screen.photodiode_px
    if side_px:
        return f"a patch of {side_px} px, {at.corner.replace('_', ' ')}: white while an image is up"
    if at.rig is None:
        return None
    return unless_simulated(
        "expected a photodiode, found none: without it nobody knows when an image really appeared",
        "Glue one onto a corner of the screen, and describe it in rig.yaml.",
        simulated=at.simulated,
    )
