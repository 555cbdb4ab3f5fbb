"""Everything that can be known before the animal sits down: PASS, WARN or FAIL, each with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from closedloop.errors import ClosedLoopError, SessionError
from rig.apparatus import open_codes
from rig.display.display import DisplayFacts, DisplayName
from rig.display.placement import place
from rig.machine.timeline import TrialFrames, trial_frames
from rig.ports.recorder import NoRecorder
from rig.session.checks import check_disk, check_images, refuse_misfits
from rig.session.folder import Session, read_session, verify_seal
from rig.session.hold import hold_screen
from rig.stop import StopRequest

FindingStatus = Literal["PASS", "WARN", "FAIL"]

_PAPER_SESSION_H = 5.0  # section 3.1
_FRAME_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes
    ----------
    name
        What was looked at.
    status
        FAIL stops a session, WARN is for the operator to judge.
    found
        What was found.
    fix
        What to do about it; empty for PASS.
    """

    name: str
    status: FindingStatus
    found: str
    fix: str = ""


def run_checks(folder: Path, *, display: DisplayName, out: Path, code_device: str | None = None) -> list[Check]:
    """Check a session folder and the rig it is to be shown on; never raises for what it finds.

    Parameters
    ----------
    folder
        The session folder.
    display
        The display to try.
    out
        Where the journal would go.
    code_device
        The port for digital codes, where the session asks for one.
    """
    sealed = _try("seal", lambda: f"{verify_seal(folder) / 1e6:.1f} MB unchanged since they were sealed")
    sessions: list[Session] = []
    opened = _try("session", lambda: _open(folder, sessions))
    if not sessions:
        return [sealed, opened]
    session = sessions[0]
    findings = [sealed, opened, _images(session), _timing(session), _layout(session), _codes(session, code_device)]
    return [*findings, _disk(session, out), *_display(session, display, out), _duration(session)]


def _try(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name=name, status="PASS", found=look())
    except ClosedLoopError as error:
        return failure(name, error)


def failure(name: str, error: ClosedLoopError) -> Check:
    """Return the finding of an error, whose line *place: expected, found. What to do.* is split into found and fix."""
    found, _, fix = str(error).partition(". ")
    return Check(
        name=name, status="FAIL", found=found.removeprefix(f"{name}: "), fix=fix or "Correct it and check again."
    )


def _open(folder: Path, sessions: list[Session]) -> str:
    session = read_session(folder)
    sessions.append(session)
    mark = "simulated" if session.document.simulated else f"subject {session.document.subject}"
    return (
        f"{session.document.session_id}, {mark}, {len(session.planned)} presentations of {len(session.images)} images"
    )


def _images(session: Session) -> Check:
    return _try("images", lambda: check_images(session))


def _timing(session: Session) -> Check:
    frames, hz = session.document.trial, session.document.screen.refresh_hz
    on_ms, off_ms = (1000.0 * n / hz for n in (frames.on_frames, frames.off_frames))
    found = f"{frames.on_frames} frames on, {frames.off_frames} off: {on_ms:.2f} and {off_ms:.2f} ms at {hz:g} Hz"
    if all(abs(ms - round(ms)) < _FRAME_TOLERANCE for ms in (on_ms, off_ms)):
        return Check(name="timing", status="PASS", found=found)
    return Check(
        name="timing", status="WARN", found=found, fix="100 ms are whole frames at 60 and 120 Hz: use such a mode."
    )


def _layout(session: Session) -> Check:
    return _try("layout", lambda: _layout_line(session))


def _layout_line(session: Session) -> str:
    refuse_misfits(session, "layout")
    screen = session.document.screen
    placement = place(screen, session.document.image_side_px)
    return (
        f"image of {placement.image.side_px} px ({screen.image_scale} screen pixels per image pixel); "
        f"{screen.visual_angle_deg:g} deg at a viewing distance of {placement.distance_cm:.1f} cm"
    )


def _codes(session: Session, device: str | None) -> Check:
    return _try("codes", lambda: _codes_line(session, device))


def _codes_line(session: Session, device: str | None) -> str:
    open_codes(session, device, NoRecorder()).close()
    codes = session.document.codes
    last = codes.first_presentation + codes.n_presentation - 1
    return (
        f"by {codes.transport}: {codes.first_presentation} to {last} for presentations, "
        f"{codes.first_trial} to {codes.first_trial + codes.n_trial - 1} for trials"
    )


def _disk(session: Session, out: Path) -> Check:
    return _try("disk", lambda: check_disk(session, out))


def _display(session: Session, name: DisplayName, out: Path) -> Iterator[Check]:
    if name == "headless":
        yield Check(name="display", status="PASS", found="headless: a virtual clock, nothing is shown")
        return
    from rig.display.psychopy.display import PsychoPyDisplay  # noqa: PLC0415 - takes a second and needs a screen

    try:
        with hold_screen(session, out):  # a window of ours would cover a session that is being shown
            display = PsychoPyDisplay(session, stop=StopRequest())
            display.close()
    except ClosedLoopError as error:
        yield failure("display", error)
        return
    yield from judge_display(display.facts, refresh_hz=session.document.screen.refresh_hz)


def judge_display(facts: DisplayFacts, *, refresh_hz: float) -> Iterator[Check]:
    """Yield what is good and what is doubtful about a display that opened."""
    size = f"{facts.width_px} x {facts.height_px}, grey {facts.grey_level}, {facts.renderer}"
    yield Check(name="display", status="PASS", found=size)
    if facts.pacing == "timer":
        found = f"flips do not wait for a screen (no vertical blank); a timer paces them at {refresh_hz:g} Hz"
        yield Check(name="refresh", status="WARN", found=found, fix="Good for a rehearsal; record on a real screen.")
    else:
        yield Check(name="refresh", status="PASS", found=f"{facts.measured_hz:.2f} Hz, paced by the vertical blank")
    if facts.gamma == "not readable":
        fix = "Measure the screen's luminance by hand."
        yield Check(name="gamma", status="WARN", found="the gamma ramp cannot be read here", fix=fix)
    else:
        yield Check(name="gamma", status="PASS", found=f"the gamma ramp is the {facts.gamma}")
    if facts.priority:
        yield Check(name="priority", status="PASS", found="the system runs the rig before other programs")
    else:
        fix = "Allow real-time priority (rtprio in /etc/security/limits.conf on Linux)."
        yield Check(name="priority", status="WARN", found="other programs may delay a frame", fix=fix)


def _duration(session: Session) -> Check:
    try:
        refuse_misfits(session, "duration")
    except SessionError as error:
        return failure("duration", error)
    hours = least_duration_s(session) / 3600.0
    found = f"at least {hours * 60:.1f} min if every trial is completed"
    if hours > _PAPER_SESSION_H:
        return Check(
            name="duration", status="WARN", found=found, fix="Lower the hours of the protocol; 5 h is the paper's day."
        )
    return Check(name="duration", status="PASS", found=found)


def least_duration_s(session: Session) -> float:
    """Return how long a session takes without a single miss, reaction times left out."""
    screen, trial = session.document.screen, session.document.trial
    frames: TrialFrames = trial_frames(trial, screen.refresh_hz)
    n_trials = -(-len(session.planned) // trial.presentations_per_trial)
    per_trial = frames.hold + frames.interval
    return (n_trials * per_trial + len(session.planned) * frames.per_presentation) / screen.refresh_hz
