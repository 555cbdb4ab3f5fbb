"""One launch of the rig: opens everything a session needs, presents it, and leaves a summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.artifacts.day.journal import Journal, SessionSummary, read_journal
from closedloop.artifacts.day.journal_checks import PlannedSession, check_journal
from closedloop.artifacts.day.journal_rows import LaunchOpened
from closedloop.artifacts.day.session_summary import summarize
from closedloop.errors import BrokenSessionError, ClosedLoopError, DocumentError, SessionError
from closedloop.storage import remove_file
from closedloop.terminal.faults import fault_line
from closedloop.terminal.streams import say
from rig.apparatus import Launch, resume_command
from rig.check.findings import Finding, doubts_of, overrides_of, refuse_failures
from rig.check.inspection import SHORT_REFRESH_S, Inspection
from rig.check.ports.recorder import begin_recording
from rig.check.table import check_before, check_opened
from rig.machine.apparatus import Apparatus
from rig.machine.course import Course, follow_rows
from rig.machine.presenter import LaunchFacts, Presenter
from rig.machine.state import SessionState, finished_rows, last_end_s, replay
from rig.operator.desk import Desk
from rig.operator.opening import open_desk
from rig.session.boot import boot_id
from rig.session.folder import Session, open_session, plan_sha256
from rig.session.foreign import JOURNAL_NAME, SUMMARY_NAME, refuse_foreign_launches, refuse_foreign_out
from rig.session.hold import hold, hold_screen, new_holder, screen_name, session_name
from rig.session.journal import JournalWriter
from rig.session.kept_gaze import open_gaze_writer
from rig.session.lock import PATIENCE_S
from rig.stop import StopRequest

_SESSION_PATIENCE_S = PATIENCE_S

_OTHER_JOURNAL = "It was begun with another session folder, or changed since: restore it, or choose another --out."


@dataclass(frozen=True)
class Beginning:
    """Where a launch begins: after what an older journal holds."""

    state: SessionState
    n_launches: int
    start_s: float


@dataclass(frozen=True)
class _Listeners:
    """Who is told what, see `present_session`."""

    on_trial: Callable[[SessionState, float], None]
    on_findings: Callable[[Sequence[Finding]], None]
    watch: Callable[[Apparatus], Apparatus] | None


def _say_nothing(findings: Sequence[Finding]) -> None:
    """Say nothing of what the checks found."""


def run_launch(
    launch: Launch,
    *,
    stop: StopRequest,
    on_trial: Callable[[SessionState, float], None],
    on_findings: Callable[[Sequence[Finding]], None] = _say_nothing,
) -> tuple[SessionSummary, bool]:
    """Present a session, or what is left of it, if nothing in the table of checks stands against it.

    Parameters
    ----------
    launch
        What the operator chose.
    stop
        Where a stop is asked for.
    on_trial
        Called after each trial with the state and the time, seconds of the rig's clock.
    on_findings
        Called with what the checks found, when nothing of it stands against the session.

    Returns
    -------
    SessionSummary, bool
        The session in numbers, and whether it was complete before.

    Raises
    ------
    ClosedLoopError
        The folder, the display, the hardware or the disk is not fit. It is a BrokenSessionError where the session had
        begun: then the journal has its end, the summary is written, and it can be resumed.
    """
    session = open_session(launch.session)
    return present_session(session, launch, stop=stop, on_trial=on_trial, on_findings=on_findings)


def present_session(
    session: Session,
    launch: Launch,
    *,
    stop: StopRequest,
    on_trial: Callable[[SessionState, float], None],
    on_findings: Callable[[Sequence[Finding]], None] = _say_nothing,
    watch: Callable[[Apparatus], Apparatus] | None = None,
    course: Course | None = None,
) -> tuple[SessionSummary, bool]:
    """Present a session whose folder was opened before.

    Parameters
    ----------
    session
        The opened folder.
    launch, stop, on_trial, on_findings
        See `run_launch`, which also says what is returned and raised.
    watch
        Called with the opened ports; returns those to be used, such as ports that measure what passes through them.
    course
        What each trial asks of the animal, brought to where an older journal leaves it; None: what session.json says.
    """
    refuse_foreign_out(session, launch.out)
    at = Inspection(launch, stop=stop, session=session)
    before = check_before(at)
    refuse_failures(before, launch.despite)
    session = at.known_session()  # on the screen that the rig's description names
    with ExitStack() as stack:
        hold_all(session, launch, stack)
        writer = stack.enter_context(JournalWriter(launch.out / JOURNAL_NAME))
        journal = _older_journal(launch)
        _refuse_other_journal(session, journal, launch)
        was_complete = is_complete(journal)
        if not was_complete:
            with at.stack:
                listeners = _Listeners(on_trial, on_findings, watch)
                _present_rest(at, before, journal, writer, listeners=listeners, course=course)
        return _write_summary(session, launch.out), was_complete


def hold_all(session: Session, launch: Launch, stack: ExitStack) -> None:
    """Hold the session and the screen, so that no other rig shows the one or shows anything on the other.

    Parameters
    ----------
    session
        What is shown.
    launch
        Where.
    stack
        Lets both go.

    Raises
    ------
    SessionError
        Another rig holds one of them.
    """
    is_real = launch.display != "headless"
    name, holder = session_name(session, is_real=is_real), new_holder(session.document.session_id, launch.out)
    stack.enter_context(hold(name, holder, patience_s=_SESSION_PATIENCE_S))
    if is_real:
        died = stack.enter_context(hold_screen(session, launch.out))
        if died is not None:
            screen = screen_name(session.document.screen.screen)
            say(f"{screen}: the last rig on it ended without a word ({died}).")


def is_complete(journal: Journal) -> bool:
    """Return whether every planned presentation was accepted."""
    return journal.ended is not None and journal.ended.outcome == "complete"


def _present_rest(
    at: Inspection,
    before: Sequence[Finding],
    journal: Journal,
    writer: JournalWriter,
    *,
    listeners: _Listeners,
    course: Course | None,
) -> None:
    session, launch = at.known_session(), at.launch
    beginning = _beginning(session, journal, launch, course)
    writer.go_on(journal)
    at.start_s, at.launches = beginning.start_s, journal.launches
    if at.rig is None and at.simulated:
        at.refresh_s = SHORT_REFRESH_S
    # Before the display: a panel shall have none of the priority that the rig takes there.
    desk = _open_desk(session, launch, journal, writer, at.stack)
    opened = check_opened(at)
    refuse_failures(opened, launch.despite)
    recording, begun = begin_recording(at)
    refuse_failures(begun, launch.despite)
    opened = [*opened, *begun]
    listeners.on_findings([*before, *_nothing_to_resume(launch, journal), *opened])
    apparatus = at.apparatus()
    if listeners.watch is not None:
        apparatus = listeners.watch(apparatus)
    if desk is not None:
        desk.judge(doubts_of([*before, *opened], launch.despite))
        apparatus = _with_desk(apparatus, desk)
    at.keep_audit()
    gaze = open_gaze_writer(
        session,
        launch.out,
        eye=apparatus.gaze.name,
        is_real_time=apparatus.display.clock_kind == "real",
        n_launches=beginning.n_launches,
    )
    presenter = Presenter(
        gaze=at.stack.enter_context(gaze) if gaze is not None else None,
        session=session,
        apparatus=apparatus,
        journal=writer,
        state=beginning.state,
        n_launches=beginning.n_launches,
        stop=at.stop,
        after_trial=listeners.on_trial,
        course=course,
        facts=replace(
            _facts(at, journal, apparatus, overrides_of([*before, *opened], launch.despite)), recording=recording
        ),
    )
    try:
        presenter.run()
    except Exception as error:
        with suppress(ClosedLoopError, ValueError):  # a full disk takes neither the session's end nor a summary
            _write_summary(session, launch.out)
        said = str(error) if isinstance(error, ClosedLoopError) else fault_line(error, "rig")
        raise BrokenSessionError(said) from error


def _nothing_to_resume(launch: Launch, journal: Journal) -> list[Finding]:
    """Say that a session begins anew which somebody wants to go on: it may have been begun elsewhere."""
    if not launch.resume or journal.launches:
        return []
    found = f"there is nothing to go on with in {launch.out}: the session begins at its first presentation"
    return [Finding("journal", "WARN", found, "If it was begun elsewhere, stop it now, and name that --out.")]


def _facts(at: Inspection, journal: Journal, apparatus: Apparatus, overrides: tuple[str, ...]) -> LaunchFacts:
    """Return what the journal says of this launch; on a virtual clock no computer was started."""
    is_real = at.launch.display != "headless"
    boot = boot_id() if is_real else None
    return LaunchFacts(
        rig=at.rig.document.name if at.rig is not None else None,
        rig_sha256=at.rig.sha256 if at.rig is not None else None,
        overrides=overrides,
        recorder=apparatus.recorder.name,
        boot_id=boot,
        plan_sha256=plan_sha256(at.known_session().folder),
        was_cut=is_real and was_cut_by_power(journal, boot_id=boot),
        is_rehearsal=at.launch.is_rehearsal,
        is_training=at.launch.is_training,
    )


def _open_desk(
    session: Session, launch: Launch, journal: Journal, writer: JournalWriter, stack: ExitStack
) -> Desk | None:
    if launch.display == "headless" and launch.panel.kind == "none" and not launch.is_training:
        return None  # a dry run has no operator: what fails ends it, and is not waited for
    desk = open_desk(
        session.document, folder=session.folder, out=launch.out, panel=launch.panel, resume=resume_command(launch)
    )
    stack.enter_context(desk)
    for row in journal.rows:
        desk.note(row)
    writer.listen(desk.note)
    return desk


def _with_desk(apparatus: Apparatus, desk: Desk) -> Apparatus:
    gaze = desk.watch_gaze(apparatus.gaze)
    return replace(
        apparatus,
        display=desk.watch_display(apparatus.display),
        gaze=gaze,
        shift_gaze=gaze.shift,
        commands=desk,
        tell=desk.say,
    )


def was_cut_by_power(journal: Journal, *, boot_id: str | None) -> bool:
    """Return whether the computer was started since an older journal's last row, and that is no end of a session.

    What is written between two trials is synced; of the trial after it, lines may be lost that a kill would have left.

    Parameters
    ----------
    journal
        The older one.
    boot_id
        Names this start of the computer.
    """
    if not journal.launches or journal.ended is not None:
        return False
    before = journal.launches[-1].boot_id
    return before is not None and before != boot_id


def _older_journal(launch: Launch) -> Journal:
    path = launch.out / JOURNAL_NAME
    journal = read_journal(path)
    if journal.launches and not (launch.resume or is_complete(journal)):
        raise SessionError(
            f"{path}: expected no journal, found one with {len(journal.presentations)} presentations. "
            "Pass --resume to go on with it, or --out for another place."
        )
    return journal


def _beginning(session: Session, journal: Journal, launch: Launch, course: Course | None) -> Beginning:
    rows = finished_rows(journal.rows) if launch.display == "headless" else journal.rows
    if course is not None:
        follow_rows(course, rows)
    return Beginning(state=replay(session, rows), n_launches=len(journal.launches), start_s=last_end_s(rows))


def _refuse_other_journal(session: Session, journal: Journal, launch: Launch) -> None:
    path = launch.out / JOURNAL_NAME
    refuse_foreign_launches(session, journal.launches, path)
    for earlier in journal.launches:
        wanted, found = _kind(launch), _kind(earlier)
        if wanted != found:
            raise SessionError(
                f"{path}: expected the journal of {wanted}, found that of {found}: neither goes on with the other. "
                "Choose another --out."
            )
        if earlier.display != launch.display and not is_complete(journal):
            raise SessionError(
                f"{path}: expected a journal of the {launch.display} display, found one of {earlier.display}. "
                f"Resume with --display {earlier.display}, or choose another --out."
            )
    if journal.rows:
        check_journal(journal, path, plan=_plan_of(session), remedy=_OTHER_JOURNAL)


def _kind(launch: Launch | LaunchOpened) -> str:
    return "a rehearsal" if launch.is_rehearsal else "a training" if launch.is_training else "a session"


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
    if not _is_there(summary, out / SUMMARY_NAME):
        summary.write(out / SUMMARY_NAME)
    return summary


def _is_there(summary: SessionSummary, path: Path) -> bool:
    try:
        return SessionSummary.read(path) == summary
    except DocumentError:
        return False
