"""Opens everything a session needs, presents it, and leaves a summary."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from closedloop.artifacts.journal import Journal, SessionSummary, read_journal
from closedloop.errors import SessionError
from rig.clock import VirtualClock
from rig.codes import CodePort, CommentCodes, FileCodes, SerialCodes
from rig.display import Display, DisplayName
from rig.gaze import Gaze, ScriptedGaze
from rig.headless_display import HeadlessDisplay
from rig.journal import JournalWriter
from rig.present import Apparatus, Presenter
from rig.recorder import NoRecorder, Recorder, SimulatedRecorder
from rig.reward import SilentReward
from rig.session_folder import Session, open_session
from rig.state import SessionState, finished_rows, last_end_s, replay
from rig.stop import StopRequest
from rig.summary import summarize
from rig.timeline import trial_frames

JOURNAL_NAME = "journal.jsonl"
SUMMARY_NAME = "summary.json"
AUDIT_NAME = "pixel_audit.json"


@dataclass(frozen=True)
class Launch:
    """What the operator chose.

    Attributes
    ----------
    session
        The session folder.
    out
        Where journal.jsonl and summary.json go.
    display
        Where to show it.
    resume
        Go on with a journal that is there.
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


@dataclass(frozen=True)
class Beginning:
    """Where a journal leaves off."""

    state: SessionState
    segment: int
    start_s: float


def present(
    launch: Launch, *, stop: StopRequest, on_trial: Callable[[SessionState, float], None]
) -> tuple[SessionSummary, bool]:
    """Present a session, or what is left of it.

    Returns
    -------
    SessionSummary, bool
        The session in numbers, and whether it was complete before.

    Raises
    ------
    ClosedLoopError
        The folder, the display, the hardware or the disk is not fit.
    """
    session = open_session(launch.session)
    with JournalWriter(launch.out / JOURNAL_NAME) as writer:
        journal = _older_journal(launch)
        was_complete = is_complete(journal)
        if not was_complete:
            _present_rest(session, launch, journal, writer, stop=stop, on_trial=on_trial)
        return _write_summary(session, launch.out), was_complete


def is_complete(journal: Journal) -> bool:
    """Return whether every planned presentation was accepted."""
    return journal.ended is not None and journal.ended.outcome == "complete"


def _present_rest(
    session: Session,
    launch: Launch,
    journal: Journal,
    writer: JournalWriter,
    *,
    stop: StopRequest,
    on_trial: Callable[[SessionState, float], None],
) -> None:
    _refuse_other_journal(session, journal, launch)
    beginning = _beginning(session, journal, launch)
    writer.cut(journal.n_bytes_whole)
    with ExitStack() as stack:
        apparatus = _open_apparatus(session, launch, beginning.start_s, stack)
        presenter = Presenter(
            session=session,
            apparatus=apparatus,
            journal=writer,
            state=beginning.state,
            segment=beginning.segment,
            stop=stop,
            after_trial=on_trial,
        )
        apparatus.recorder.start(session.document.session_id)
        stack.callback(apparatus.recorder.stop)
        presenter.run()


def _older_journal(launch: Launch) -> Journal:
    path = launch.out / JOURNAL_NAME
    journal = read_journal(path)
    if journal.segments and not (launch.resume or is_complete(journal)):
        raise SessionError(
            f"{path}: expected no journal, found one with {len(journal.presentations)} presentations. "
            "Pass --resume to go on with it, or --out for another place."
        )
    return journal


def _beginning(session: Session, journal: Journal, launch: Launch) -> Beginning:
    rows = finished_rows(journal.rows) if launch.display == "headless" else journal.rows
    return Beginning(state=replay(session, rows), segment=len(journal.segments), start_s=last_end_s(rows))


def _refuse_other_journal(session: Session, journal: Journal, launch: Launch) -> None:
    path = launch.out / JOURNAL_NAME
    for segment in journal.segments:
        if segment.session_id != session.document.session_id:
            raise SessionError(
                f"{path}: expected the journal of {session.document.session_id}, found that of {segment.session_id}. "
                "Choose another --out."
            )
        if segment.display != launch.display:
            raise SessionError(
                f"{path}: expected a journal of the {launch.display} display, found one of {segment.display}. "
                f"Resume with --display {segment.display}, or choose another --out."
            )


def _open_apparatus(session: Session, launch: Launch, start_s: float, stack: ExitStack) -> Apparatus:
    display = _open_display(session, launch, start_s)
    stack.callback(display.close)
    gaze = _open_gaze(session, launch, display)
    stack.callback(gaze.close)
    recorder: Recorder = SimulatedRecorder() if launch.recorder == "simulated" else NoRecorder()
    codes = open_codes(session, launch.code_device, recorder)
    stack.callback(codes.close)
    return Apparatus(display=display, gaze=gaze, reward=SilentReward(), codes=codes, recorder=recorder)


def _open_display(session: Session, launch: Launch, start_s: float) -> Display:
    screen = session.document.screen
    if launch.display == "headless":
        clock = VirtualClock(screen.refresh_hz, start_s=start_s)
        return HeadlessDisplay(
            clock, refresh_hz=screen.refresh_hz, width_px=screen.width_px, height_px=screen.height_px
        )
    raise SessionError("display psychopy: expected it built, found it missing. Use --display headless.")


def _open_gaze(session: Session, launch: Launch, display: Display) -> Gaze:
    monkey = session.document.monkey
    if monkey is not None and launch.gaze == "scripted":
        screen, trial = session.document.screen, session.document.trial
        frames = trial_frames(trial, screen.refresh_hz)
        n_frames = frames.hold + trial.presentations_per_trial * frames.per_presentation
        return ScriptedGaze(monkey, fixation_s=n_frames / screen.refresh_hz)
    raise SessionError(
        f"{launch.session}: expected a source of gaze, found a real session without an eye tracker. "
        "Pass --display psychopy --gaze mouse for a demonstration."
    )


def open_codes(session: Session, device: str | None, recorder: Recorder) -> CodePort:
    """Open the transport of digital codes that the session asks for.

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
    raise SessionError("parallel")


def _write_summary(session: Session, out: Path) -> SessionSummary:
    summary = summarize(session, read_journal(out / JOURNAL_NAME))
    summary.write(out / SUMMARY_NAME)
    return summary
