"""Opens the ports of a rig as the operator chose them; whatever was opened is closed in the end."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from closedloop.errors import SessionError
from rig.display.display import Display, DisplayName
from rig.display.headless import HeadlessDisplay
from rig.display.pixel_audit import PixelAuditor
from rig.display.placement import place
from rig.machine.apparatus import Apparatus
from rig.machine.device_faults import close_device
from rig.machine.timeline import trial_frames
from rig.ports.clock import VirtualClock
from rig.ports.codes import CodePort, CommentCodes, FileCodes, ParallelCodes, SerialCodes
from rig.ports.gaze import Gaze, ScriptedGaze
from rig.ports.recorder import NoRecorder, Recorder, SimulatedRecorder
from rig.ports.reward import SilentReward
from rig.session.folder import Session
from rig.stop import StopRequest

AUDIT_NAME = "pixel_audit.json"


@dataclass(frozen=True)
class Launch:
    """What the operator chose for one start of the rig.

    Attributes
    ----------
    session
        The session folder.
    out
        Where journal.jsonl and summary.json go.
    display
        Where to show it.
    resume
        Continue an existing journal.
    audit_pixels
        How many distinct images to read back from the screen buffer and compare.
    code_device
        Name or address of the port for digital codes, where the session asks for one.
    gaze
        Who looks: the session's scripted monkey, or the mouse for a demonstration.
    recorder
        Who records.
    """

    session: Path
    out: Path
    display: DisplayName
    resume: bool = False
    audit_pixels: int = 0
    code_device: str | None = None
    gaze: Literal["scripted", "mouse"] = "scripted"
    recorder: Literal["none", "simulated"] = "none"


def open_apparatus(session: Session, launch: Launch, start_s: float, stop: StopRequest, stack: ExitStack) -> Apparatus:
    """Open display, gaze, reward, codes and recorder.

    Parameters
    ----------
    session
        What will be shown.
    launch
        What the operator chose.
    start_s
        Where a virtual clock begins, seconds.
    stop
        For displays with a keyboard.
    stack
        Closes what was opened.

    Raises
    ------
    SessionError
        Something is missing or not fit.
    """
    auditor = _open_audit(session, launch)
    display = _open_display(session, launch, start_s, stop, auditor)
    stack.callback(close_device, "display", display.close)
    gaze = _open_gaze(session, launch, display)
    stack.callback(close_device, f"gaze ({gaze.name})", gaze.close)
    recorder: Recorder = SimulatedRecorder() if launch.recorder == "simulated" else NoRecorder()
    codes = open_codes(session, launch.code_device, recorder)
    stack.callback(close_device, f"digital codes ({codes.transport})", codes.close)
    if auditor is not None:  # once everything is open: a rig that refuses to begin leaves nothing
        stack.callback(lambda: auditor.report().write(launch.out / AUDIT_NAME))
    return Apparatus(display=display, gaze=gaze, reward=SilentReward(), codes=codes, recorder=recorder)


def _open_audit(session: Session, launch: Launch) -> PixelAuditor | None:
    if not launch.audit_pixels:
        return None
    if launch.display == "headless":
        raise SessionError("--audit-pixels: expected a display with pixels, found headless. Pass --display psychopy.")
    return PixelAuditor(session, launch.audit_pixels)


def _open_display(
    session: Session, launch: Launch, start_s: float, stop: StopRequest, auditor: PixelAuditor | None
) -> Display:
    screen = session.document.screen
    if launch.display == "headless":
        clock = VirtualClock(screen.refresh_hz, start_s=start_s)
        return HeadlessDisplay(
            clock, refresh_hz=screen.refresh_hz, width_px=screen.width_px, height_px=screen.height_px
        )
    from rig.display.psychopy.display import PsychoPyDisplay  # noqa: PLC0415 - takes a second and needs a screen

    return PsychoPyDisplay(session, stop=stop, auditor=auditor)


def _open_gaze(session: Session, launch: Launch, display: Display) -> Gaze:
    if session.document.simulated and launch.gaze == "scripted":
        return scripted_gaze(session)
    if launch.gaze == "mouse" and launch.display == "psychopy":
        return _mouse_gaze(session, display)
    raise SessionError(
        f"{launch.session}: expected a source of gaze, found a real session without an eye tracker. "
        "Pass --display psychopy --gaze mouse for a demonstration."
    )


def scripted_gaze(session: Session) -> Gaze:
    """Return the scripted monkey of a simulated session.

    Raises
    ------
    ValueError
        The session is a real one.
    """
    monkey, trial, refresh_hz = session.document.monkey, session.document.trial, session.document.screen.refresh_hz
    if monkey is None:
        raise ValueError("expected a simulated session")
    frames = trial_frames(trial, refresh_hz)
    n_frames = frames.hold + trial.presentations_per_trial * frames.per_presentation
    return ScriptedGaze(monkey, fixation_s=n_frames / refresh_hz)


def open_codes(session: Session, device: str | None, recorder: Recorder) -> CodePort:
    """Open the transport of digital codes that the session asks for.

    Parameters
    ----------
    session
        Names the transport.
    device
        Name or address of the port, or None.
    recorder
        Takes the codes where they go as comments.

    Raises
    ------
    SessionError
        The port is not named or cannot be opened.
    """
    transport = session.document.codes.transport
    if transport == "file":
        return FileCodes()
    if transport == "comment":
        return CommentCodes(recorder)
    if device is None:
        raise SessionError(
            f"{session.folder}: expected a device for codes over the {transport} port, found none. "
            "Name it with --code-device."
        )
    if transport == "serial":
        return SerialCodes(device)
    from rig.display.psychopy.devices import open_parallel_port  # noqa: PLC0415

    return ParallelCodes(open_parallel_port(device))


def _mouse_gaze(session: Session, display: Display) -> Gaze:
    from rig.display.psychopy.devices import MouseGaze  # noqa: PLC0415
    from rig.display.psychopy.display import PsychoPyDisplay  # noqa: PLC0415

    if not isinstance(display, PsychoPyDisplay):
        raise TypeError(f"expected a PsychoPy display, found {display.name}")
    placement = place(session.document.screen, session.document.image_side_px)
    return MouseGaze(display, cm_per_px=session.document.screen.cm_per_px, distance_cm=placement.distance_cm)
