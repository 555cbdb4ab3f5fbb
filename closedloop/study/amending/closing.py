"""Close a day whose session ended before its end, and take that back while nothing was computed from it."""

from __future__ import annotations

from closedloop.artifacts.amended.closing import JOURNAL as JOURNAL_SHA256
from closedloop.artifacts.amended.closing import closed_day
from closedloop.artifacts.catalog import JOURNAL, PRESENTATIONS, SESSION, SUMMARY
from closedloop.artifacts.day.journal_checks import check_ended, check_journal, planned_session
from closedloop.artifacts.day.session_summary import summarize_cut
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import FIRST
from closedloop.artifacts.study import BROUGHT, StudyDocument, StudyPaths
from closedloop.errors import OptionError, SessionError, StudyError
from closedloop.plain_text.printed import capitalized, command_line
from closedloop.storage import remove_file, sha256_file
from closedloop.study.amending.decide import Decision, decide, refuse_other_day
from closedloop.study.amending.recorded import is_sealed
from closedloop.study.completeness.killed import remedy_of_no_end
from closedloop.study.process.lock import study_lock


def close_day(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    *,
    day: int,
    by: str | None,
    why: str,
    killed: bool = False,
) -> list[str]:
    """Note that a day's session will not go on, and say what counts.

    Parameters
    ----------
    paths, study, protocol
        The study.
    day
        Which.
    by, why
        Who decides, by the account's name where None, and the reason.
    killed
        Whether the rig was killed: its journal has no end, and the summary that it did not write is counted from it.

    Returns
    -------
    list of str
        What was done, a line each.

    Raises
    ------
    ClosedLoopError
        The session is not there, or is at its end; nothing of it was shown; or the day is closed already.
    """
    refuse_other_day(protocol, day)
    if study.simulated and not study.sessions_are_brought:
        raise StudyError(
            f"{paths.root}: expected a study of an animal, found a simulated one. Its sessions go to their end."
        )
    _refuse_not_ready(paths, day)
    place = JOURNAL.published(paths, day)
    if is_sealed(paths, "present", day):
        raise StudyError(
            f"{place.parent}: expected a session that waits to be taken over, found one that was. Nothing is left."
        )
    session, journal = SESSION.read(SESSION.published(paths, day)), JOURNAL.read(place)
    plan = planned_session(session, PRESENTATIONS.read(PRESENTATIONS.published(paths, day)))
    check_journal(journal, place, plan=plan)
    if killed and journal.ended is not None:
        raise OptionError(f"--killed: expected {place} without an end, found its session's end. Leave it out.")
    if not killed:
        check_ended(journal, place, remedy=remedy_of_no_end(paths, day=day))
    summary_place = SUMMARY.published(paths, day)
    summary = summarize_cut(session, journal) if killed else SUMMARY.read(summary_place)
    if summary.outcome != "stopped" and not killed:
        raise SessionError(
            f"{place.parent}: expected a session that was stopped, found one at its end. It is taken over as it is."
        )
    if summary.n_accepted == 0:
        raise SessionError(
            f"{place.parent}: expected a session of which something was shown, found nothing. Move the files aside: "
            "the session can be shown from its beginning on another day."
        )
    sha256 = sha256_file(place)

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        before = closed_day(amendments, paths.block(day))
        if before and before.journal_sha256 == sha256:
            raise StudyError(
                f"{place.parent}: expected a day that is not closed, found that it is. Go on with "
                f"`{command_line('closedloop', 'run', paths.root)}`."
            )
        return Decision(
            kind="close_day",
            day=day,
            block=paths.block(day).number,
            after={
                JOURNAL_SHA256: sha256,
                "n_shown": str(summary.n_accepted),
                "n_not_shown": str(summary.n_remaining),
            },
        )

    if killed:
        decision(read_amendments(paths.amendments))  # refused before anything is written
        summary.write(summary_place)  # first: who is killed in between closes the day by the same command
    line = decide(paths, study, by=by, why=why, decision=decision)
    closed = closed_day((line,), paths.block(day))
    lines = [
        f"{capitalized(closed.said)}; they count." if closed else "",
        "Images that were never shown are offered to the next day."
        if any(one > paths.block(day) for one in paths.sequence.blocks(protocol.days))
        else "No session comes after it.",
    ]
    if killed:
        lines.append(
            f"The journal ends after line {journal.lines[-1]}, without the session's end: be sure that it is all that "
            "the rig wrote. The summary was counted from it."
        )
    if paths.block(day) == FIRST:
        lines.append(
            "Day 0 chooses the sites of all days: from few images the choice is poor. Going on with the session on "
            "another day (`closedloop reopen-day`, `rig present --resume`) gives a better one."
        )
    return lines


def reopen_day(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, day: int, by: str | None, why: str
) -> list[str]:
    """Take back that a day was closed, so that its session can go on.

    Parameters
    ----------
    paths, study, protocol
        The study.
    day
        Which.
    by, why
        Who decides, by the account's name where None, and the reason.

    Returns
    -------
    list of str
        What was done, a line each.

    Raises
    ------
    ClosedLoopError
        The day is not closed, or is ingested.
    """
    refuse_other_day(protocol, day)
    if is_sealed(paths, "ingest", day):
        raise StudyError(
            f"{paths.folder('ingest', day)}: expected a day from which nothing was computed, found it ingested. It "
            "stays closed: what was shown counts."
        )

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        before = closed_day(amendments, paths.block(day))
        if before is None:
            raise StudyError(
                f"{paths.root}: expected {paths.block(day).said} closed, found that it is not. Nothing is left to do."
            )
        return Decision(
            kind="reopen_day", day=day, block=paths.block(day).number, before={JOURNAL_SHA256: before.journal_sha256}
        )

    decision(read_amendments(paths.amendments))  # refused before the lock is waited for
    with study_lock(paths.root):  # nobody takes it over meanwhile
        decide(paths, study, by=by, why=why, decision=decision)
        for stage in reversed(BROUGHT):
            remove_file(paths.folder(stage, day) / MANIFEST_NAME)  # what was brought lies there, and more may come
    return [
        f"{capitalized(paths.block(day).said)} is open again: go on with its session by `rig present --resume`, and "
        "bring its output and the recording again, whole."
    ]


def _refuse_not_ready(paths: StudyPaths, day: int) -> None:
    schedule = paths.folder("schedule", day)
    if not is_sealed(paths, "schedule", day):
        raise StudyError(
            f"{schedule}: expected a session that was shown, found that {paths.block(day).said} has none yet. Go on "
            f"with `{command_line('closedloop', 'run', paths.root)}`."
        )
