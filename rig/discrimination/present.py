"""One launch: opens the experiment, the screen and the journal, and shows what is left of a session."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from closedloop.artifacts.discrimination.experiment import OpenExperiment, open_experiment
from closedloop.artifacts.discrimination.journal import check_subject
from closedloop.artifacts.discrimination.rows import SessionLaunched
from closedloop.artifacts.rig.description import RigDocument, read_rig
from closedloop.errors import OptionError, SessionError
from rig.discrimination.answering import Keyboard, ScriptedSubject, TextDisplay
from rig.discrimination.journal import AnswerWriter
from rig.discrimination.session import display_session
from rig.discrimination.trials import TrialRunner
from rig.display.display import DisplayName
from rig.display.headless import HeadlessDisplay
from rig.display.pixel_audit import PixelAuditor
from rig.ports.clock import VirtualClock
from rig.session.folder import Session
from rig.session.hold import SCREEN_PATIENCE_S, hold, new_holder, screen_name
from rig.stop import StopRequest

_MOST_OFF = 0.1  # of an image's time, by whole frames


@dataclass(frozen=True)
class Sitting:
    """What the experimenter chose.

    Attributes
    ----------
    experiment
        Folder.
    subject, session
        Whose session, and which.
    display
        Where it is shown; headless: a script answers, in simulated experiments alone.
    rig
        The rig's description; None: a window on this desk.
    consented
        Whether the subject has agreed to the laboratory's text.
    audit_pixels
        Images read back as they are shown.
    """

    experiment: Path
    subject: str
    session: int
    display: DisplayName = "psychopy"
    rig: Path | None = None
    consented: bool = False
    audit_pixels: int = 0


@dataclass(frozen=True)
class SittingEnd:
    """How a launch ended.

    Attributes
    ----------
    is_finished
        Whether the session came to its end.
    n_compared
        Images that were read back from the screen, equal in every pixel.
    """

    is_finished: bool
    n_compared: int = 0


def present_sitting(sitting: Sitting, *, stop: StopRequest, on_trial: Callable[[int], None]) -> SittingEnd:
    """Show what is left of a session.

    Parameters
    ----------
    sitting
        What the experimenter chose.
    stop
        Where a stop is asked for.
    on_trial
        Called after each trial with how many are left.

    Raises
    ------
    ClosedLoopError
        Folder, subject, display or disk are not fit, another rig shows this session, or a pixel on the screen was not
        the planned one.
    """
    experiment = open_experiment(sitting.experiment)
    check_subject(sitting.subject)
    _refuse(sitting, experiment)
    rig = read_rig(sitting.rig)[0] if sitting.rig is not None else None
    session = display_session(experiment, sitting.session, rig)
    with ExitStack() as stack:
        path = experiment.paths.journal(sitting.subject, sitting.session)
        writer = stack.enter_context(AnswerWriter(path, experiment))
        if writer.older.is_finished:
            return SittingEnd(is_finished=True)
        if sitting.display == "psychopy":
            holder = new_holder(session.document.session_id, sitting.experiment)
            stack.enter_context(hold(screen_name(session.document.screen.screen), holder, patience_s=SCREEN_PATIENCE_S))
        auditor = PixelAuditor(session, sitting.audit_pixels)
        display = _open_display(sitting, session, rig, stop, auditor)
        stack.callback(display.close)
        is_finished = _show(sitting, experiment, session, display, writer, stop=stop, on_trial=on_trial)
        auditor.compare()
        return SittingEnd(is_finished, auditor.report().n_images)


def _refuse(sitting: Sitting, experiment: OpenExperiment) -> None:
    if sitting.display == "headless" and not experiment.document.simulated:
        raise OptionError(
            "--display headless: expected a screen for a person, found none. Leave --display out, or take an "
            "experiment of simulated observers."
        )
    if experiment.document.consent_sha256 is not None and not sitting.consented:
        raise OptionError(
            f"--consented: expected the subject's consent to {experiment.paths.consent}, found none. Have it read and "
            "signed, and pass --consented."
        )


def _open_display(
    sitting: Sitting, session: Session, rig: RigDocument | None, stop: StopRequest, auditor: PixelAuditor
) -> TextDisplay:
    screen = session.document.screen
    if sitting.display == "headless":
        clock = VirtualClock(screen.refresh_hz)
        return HeadlessDisplay(
            clock, refresh_hz=screen.refresh_hz, width_px=screen.width_px, height_px=screen.height_px
        )
    from rig.display.psychopy.display import PsychoPyDisplay  # noqa: PLC0415 - takes a second and needs a screen

    return PsychoPyDisplay(session, stop=stop, auditor=auditor if sitting.audit_pixels else None, rig=rig)


def frames_of_task(ms: float, refresh_hz: float) -> int:
    """Return the whole frames nearest to a time.

    Raises
    ------
    SessionError
        They last more than a tenth longer or shorter.

    Examples
    --------
    >>> frames_of_task(100.0, 59.94)
    6
    """
    frames = max(1, round(ms * refresh_hz / 1000.0))
    shown_ms = 1000.0 * frames / refresh_hz
    if abs(shown_ms - ms) > _MOST_OFF * ms:
        raise SessionError(
            f"display: expected a frame rate at which {ms:g} ms are whole frames, found {refresh_hz:.1f} Hz, at which "
            f"they would be {shown_ms:.0f} ms. Set the screen to 60 Hz."
        )
    return frames


def _show(
    sitting: Sitting,
    experiment: OpenExperiment,
    session: Session,
    display: TextDisplay,
    writer: AnswerWriter,
    *,
    stop: StopRequest,
    on_trial: Callable[[int], None],
) -> bool:
    document, screen = experiment.document, session.document.screen
    image_frames = frames_of_task(document.task.image_ms, display.refresh_hz)
    gap_frames = frames_of_task(document.task.gap_ms, display.refresh_hz)
    launch = len(writer.older.launches) + 1
    is_scripted = display.clock_kind == "virtual"
    writer.write(
        SessionLaunched,
        experiment_id=document.experiment_id,
        subject=sitting.subject,
        session=sitting.session,
        simulated=document.simulated,
        launch=launch,
        front_end=display.name,
        date=None if is_scripted else datetime.datetime.now(tz=datetime.UTC).date(),
        code_version=version("closedloop"),
        refresh_hz=round(display.refresh_hz, 2),
        image_frames=image_frames,
        gap_frames=gap_frames,
        device_pixel_ratio=1.0,
        image_px=screen.image_scale * document.image_side_px,
        image_scale=screen.image_scale,
        surface_px=(display.facts.width_px, display.facts.height_px),
        images_compared=0,
        consented=sitting.consented,
    )
    scripted = ScriptedSubject(document.task, (document.seed, sitting.subject, sitting.session, launch))
    keyboard: Keyboard = scripted if is_scripted else display
    runner = TrialRunner(
        display=display,
        keyboard=keyboard,
        task=document.task,
        writer=writer,
        launch=launch,
        image_frames=image_frames,
        gap_frames=gap_frames,
        stop=stop,
        began_s=display.now_s(),
    )
    return runner.run(experiment.session(sitting.session), document.stimulus_ids, on_trial=on_trial)
