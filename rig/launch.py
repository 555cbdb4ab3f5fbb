"""One launch of the rig: opens everything a session needs, presents it, and leaves a summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import Journal, SessionSummary, read_journal
from closedloop.artifacts.day.journal_checks import PlannedSession, check_journal
from closedloop.artifacts.day.session_summary import summarize
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.errors import SessionError
from closedloop.storage import remove_file, sha256_file
from rig.apparatus import Launch
from rig.check.findings import Finding, overrides_of, refuse_failures
from rig.check.inspection import SHORT_REFRESH_S, Inspection
from rig.check.table import check_before, check_opened
from rig.machine.apparatus import Apparatus
from rig.machine.presenter import LaunchFacts, Presenter
from rig.machine.state import SessionState, finished_rows, last_end_s, replay
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
        The folder, the display, the hardware or the disk is not fit.
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
) -> tuple[SessionSummary, bool]:
    """Present a session whose folder was opened before.

    Parameters
    ----------
    session
        The opened folder.
    launch, stop, on_trial, on_findings
        See `run_launch`, which also says what is returned and raised.
    """
    at = Inspection(launch, stop=stop, session=session)
    return _present_checked(at, on_trial=on_trial, on_findings=on_findings)


def _present_checked(
    at: Inspection,
    *,
    on_trial: Callable[[SessionState, float], None],
    on_findings: Callable[[Sequence[Finding]], None],
) -> tuple[SessionSummary, bool]:
    launch = at.launch
    before = check_before(at)
    refuse_failures(before, launch.despite)
    session = at.known_session()
    with JournalWriter(launch.out / JOURNAL_NAME) as writer:
        journal = _older_journal(launch)
        was_complete = is_complete(journal)
        if not was_complete:
            _refuse_other_journal(session, journal, launch)
        if journal.rows:
            check_journal(journal, launch.out / JOURNAL_NAME, plan=_plan_of(session), remedy=_OTHER_JOURNAL)
        if not was_complete:
            with at.stack:
                _present_rest(at, before, journal, writer, on_trial=on_trial, on_findings=on_findings)
        return _write_summary(session, launch.out), was_complete


def is_complete(journal: Journal) -> bool:
    """Return whether every planned presentation was accepted."""
    return journal.ended is not None and journal.ended.outcome == "complete"


def _present_rest(
    at: Inspection,
    before: Sequence[Finding],
    journal: Journal,
    writer: JournalWriter,
    *,
    on_trial: Callable[[SessionState, float], None],
    on_findings: Callable[[Sequence[Finding]], None],
) -> None:
    session, launch = at.known_session(), at.launch
    beginning = _beginning(session, journal, launch)
    writer.go_on(journal)
    at.start_s = beginning.start_s
    if at.rig is None and at.simulated:
        at.refresh_s = SHORT_REFRESH_S
    opened = check_opened(at)
    refuse_failures(opened, launch.despite)
    on_findings([*before, *opened])
    apparatus = at.apparatus()
    at.keep_audit()
    presenter = Presenter(
        session=session,
        apparatus=apparatus,
        journal=writer,
        state=beginning.state,
        n_launches=beginning.n_launches,
        stop=at.stop,
        after_trial=on_trial,
        facts=_facts(at, apparatus, overrides_of([*before, *opened], launch.despite)),
    )
    apparatus.recorder.start(session.document.session_id)
    at.stack.callback(apparatus.recorder.stop)
    presenter.run()


def _facts(at: Inspection, apparatus: Apparatus, overrides: tuple[str, ...]) -> LaunchFacts:
    return LaunchFacts(
        rig=at.rig.document.name if at.rig is not None else None,
        rig_sha256=at.rig.sha256 if at.rig is not None else None,
        plan_sha256=sha256_file(at.launch.session / MANIFEST_NAME),
        overrides=overrides,
        recorder=apparatus.recorder.name,
    )


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
