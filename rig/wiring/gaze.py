"""Opens what says where the animal looks."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.rig.description import RigDocument
from closedloop.errors import SessionError
from rig.apparatus import Launch
from rig.display.display import Display
from rig.display.placement import place
from rig.machine.timeline import trial_frames
from rig.ports.gaze import Gaze, NoGaze, ScriptedGaze
from rig.session.folder import Session
from rig.wiring.trackers import open_eyelink, open_lsl


def open_gaze(
    session: Session, rig: RigDocument | None, launch: Launch, display: Display, *, folder: Path | None = None
) -> Gaze:
    """Open what says where the animal looks.

    Parameters
    ----------
    session
        What will be shown.
    rig
        Names the source; None for a simulated session without a rig.
    launch
        Says it where there is no rig.
    display
        The mouse is over it; trackers are put on its clock.
    folder
        Where a tracker's own file goes; None: it writes none, as for a check.

    Raises
    ------
    SessionError
        There is none.
    """
    if launch.is_rehearsal or (launch.is_training and session.document.simulated):
        return scripted_gaze(session)
    source = rig.gaze.source if rig is not None else launch.gaze
    if session.document.simulated and source in ("scripted", "none"):  # a simulated session brings its monkey along
        return scripted_gaze(session)
    if source == "none":
        return NoGaze()
    if source == "scripted":
        raise SessionError(
            "gaze: expected a source of gaze, found a script for a session with an animal. "
            "Set gaze.source in rig.yaml (`rig devices` lists what is there), or none for passive viewing."
        )
    if display.clock_kind == "virtual":
        raise SessionError(
            f"gaze: expected a source of gaze that needs no screen, found {source} on the {display.name} display. "
            "Pass --display psychopy."
        )
    if source == "mouse" or rig is None:
        return _mouse_gaze(session, rig, display)
    if source == "lsl":
        return open_lsl(rig, display)
    return open_eyelink(rig, display, session_id=session.document.session_id, folder=folder)


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


def _mouse_gaze(session: Session, rig: RigDocument | None, display: Display) -> Gaze:
    from rig.display.psychopy.devices import MouseGaze  # noqa: PLC0415
    from rig.display.psychopy.display import PsychoPyDisplay  # noqa: PLC0415

    if not isinstance(display, PsychoPyDisplay):
        raise TypeError(f"expected a PsychoPy display, found {display.name}")
    screen = session.document.screen
    implied_cm = place(screen, session.document.image_side_px).distance_cm
    distance_cm = rig.subject_screen.distance_cm if rig is not None else implied_cm
    return MouseGaze(display, cm_per_px=screen.cm_per_px, distance_cm=distance_cm)
