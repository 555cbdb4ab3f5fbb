"""One launch of the rig: opens everything a session needs, presents it, and leaves a summary."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import Journal, SessionSummary, read_journal
from closedloop.artifacts.day.journal_checks import PlannedSession, check_journal
from closedloop.artifacts.day.session_summary import summarize
from closedloop.errors import SessionError
from closedloop.plain_text.printed import command_line
from closedloop.storage import remove_file
from rig.apparatus import Launch, open_apparatus
from rig.machine.apparatus import Apparatus
from rig.machine.presenter import LaunchFacts, Presenter
from rig.machine.state import SessionState, finished_rows, last_end_s, replay
from rig.operator.desk import Desk
from rig.operator.opening import open_desk
from rig.session.checks import refuse_unshowable
from rig.session.folder import Session, open_session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest

JOURNAL_NAME = catalog.JOURNAL.name
SUMMARY_NAME = catalog.SUMMARY.name

_OTHER_JOURNAL = "It was begun with another session folder, or changed since: restore it, or choose another --out."


@dataclass(frozen=True)
class Beginning:
    """Where a launch begins: after what an older journal holds."""

    state: SessionState
    n_launches: int
    start_s: float


def run_launch(
    launch: Launch, *, stop: StopRequest, on_trial: Callable[[SessionState, float], None]
) -> tuple[SessionSummary, bool]:
    """Present a session, or what is left of it.

    Parameters
    ----------
    launch
        What the operator chose.
    stop
        Where a stop is asked for.
    on_trial
        Called after each trial with the state and the time, seconds of the rig's clock.

    Returns
    -------
    SessionSummary, bool
        The session in numbers, and whether it was complete before.

    Raises
    ------
    ClosedLoopError
        The folder, the display, the hardware or the disk is not fit.
    """
    return present_session(open_session(launch.session), launch, stop=stop, on_trial=on_trial)


def present_session(
    session: Session,
    launch: Launch,
    *,
    stop: StopRequest,
    on_trial: Callable[[SessionState, float], None],
    watch: Callable[[Apparatus], Apparatus] | None = None,
) -> tuple[SessionSummary, bool]:
    """Present a session whose folder was opened before.

    Parameters
    ----------
    session
        The opened folder.
    launch, stop, on_trial
        See `run_launch`, which also says what is returned and raised.
    watch
        Called with the opened ports; returns those to be used, such as ports that measure what passes through them.
    """
    refuse_unshowable(session, launch.out)
    with JournalWriter(launch.out / JOURNAL_NAME) as writer:
        journal = _older_journal(launch)
        was_complete = is_complete(journal)
        if not was_complete:
            _refuse_other_journal(session, journal, launch)
        if journal.rows:
            check_journal(journal, launch.out / JOURNAL_NAME, plan=_plan_of(session), remedy=_OTHER_JOURNAL)
        if not was_complete:
            _present_rest(session, launch, journal, writer, stop=stop, on_trial=on_trial, watch=watch)
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
    watch: Callable[[Apparatus], Apparatus] | None,
) -> None:
    beginning = _beginning(session, journal, launch)
    writer.go_on(journal)
    with ExitStack() as stack:
        # Before the display: what it starts shall have none of the rig's priority.
        desk = _open_desk(session, launch, journal, writer, stack)
        apparatus = open_apparatus(session, launch, beginning.start_s, stop, stack)
        if watch is not None:
            apparatus = watch(apparatus)
        if desk is not None:
            apparatus = _with_desk(apparatus, desk)
        presenter = Presenter(
            session=session,
            apparatus=apparatus,
            journal=writer,
            state=beginning.state,
            n_launches=beginning.n_launches,
            stop=stop,
            after_trial=on_trial,
            facts=LaunchFacts(is_rehearsal=launch.is_rehearsal),
        )
        apparatus.recorder.start(session.document.session_id)
        stack.callback(apparatus.recorder.stop)
        presenter.run()


def _with_desk(apparatus: Apparatus, desk: Desk) -> Apparatus:
    return replace(
        apparatus,
        display=desk.watch_display(apparatus.display),
        gaze=desk.watch_gaze(apparatus.gaze),
        commands=desk,
        tell=desk.say,
    )


def _open_desk(
    session: Session, launch: Launch, journal: Journal, writer: JournalWriter, stack: ExitStack
) -> Desk | None:
    if launch.display == "headless" and launch.panel.kind == "none":
        return None  # a dry run has no operator: what fails ends it, and is not waited for
    desk = open_desk(
        session.document, folder=session.folder, out=launch.out, panel=launch.panel, resume=resume_command(launch)
    )
    stack.enter_context(desk)
    for row in journal.rows:
        desk.note(row)
    writer.listen(desk.note)
    return desk


def resume_command(launch: Launch) -> str:
    """Return the command line that continues a launch, with the operator's choices."""
    words: list[str | Path] = ["rig", "present", launch.session, "--display", launch.display]
    words += ["--out", launch.out, "--resume"]
    if launch.audit_pixels:
        words += ["--audit-pixels", str(launch.audit_pixels)]
    if launch.gaze != "scripted":
        words += ["--gaze", launch.gaze]
    if launch.panel.kind != "none":
        words += ["--panel", launch.panel.kind]
    if launch.panel.screen is not None:
        words += ["--operator-screen", str(launch.panel.screen)]
    if launch.code_device is not None:
        words += ["--code-device", launch.code_device]
    return command_line(*words)


def _older_journal(launch: Launch) -> Journal:
    path = launch.out / JOURNAL_NAME
    journal = read_journal(path)
    if journal.launches and not (launch.resume or is_complete(journal)):
        raise SessionError(
            f"{path}: expected no journal, found one with {len(journal.presentations)} presentations. "
            "Pass --resume to go on with it, or --out for another place."
        )
    return journal


def _beginning(session: Session, journal: Journal, launch: Launch) -> Beginning:
    rows = finished_rows(journal.rows) if launch.display == "headless" else journal.rows
    return Beginning(state=replay(session, rows), n_launches=len(journal.launches), start_s=last_end_s(rows))


def _refuse_other_journal(session: Session, journal: Journal, launch: Launch) -> None:
    path = launch.out / JOURNAL_NAME
    for earlier in journal.launches:
        if earlier.session_id != session.document.session_id:
            raise SessionError(
                f"{path}: expected the journal of {session.document.session_id}, found that of {earlier.session_id}. "
                "Choose another --out."
            )
        if earlier.is_rehearsal != launch.is_rehearsal:
            kinds = {True: "a rehearsal", False: "a session"}
            raise SessionError(
                f"{path}: expected the journal of {kinds[launch.is_rehearsal]}, found that of "
                f"{kinds[earlier.is_rehearsal]}: neither goes on with the other. Choose another --out."
            )
        if earlier.display != launch.display:
            raise SessionError(
                f"{path}: expected a journal of the {launch.display} display, found one of {earlier.display}. "
                f"Resume with --display {earlier.display}, or choose another --out."
            )


def _plan_of(session: Session) -> PlannedSession:
    return PlannedSession(
        session.document,
        [planned.image_index for planned in session.planned],
        [planned.stimulus_id for planned in session.planned],
        [planned.repetition for planned in session.planned],
    )


def _write_summary(session: Session, out: Path) -> SessionSummary:
    summary = summarize(session.document, read_journal(out / JOURNAL_NAME))
    for half_written in out.glob(f".{SUMMARY_NAME}.*.tmp"):  # of a rig that was killed as it wrote it
        remove_file(half_written)
    summary.write(out / SUMMARY_NAME)
    return summary
