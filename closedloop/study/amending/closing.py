"""Close a day whose session ended before its end, and take that back while nothing was computed from it."""

from __future__ import annotations

from closedloop.artifacts.amended.closing import JOURNAL as JOURNAL_SHA256
from closedloop.artifacts.amended.closing import closed_day
from closedloop.artifacts.catalog import JOURNAL, PRESENTATIONS, SESSION, SUMMARY
from closedloop.artifacts.day.journal_checks import check_ended, check_journal, planned_session
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import FIRST
from closedloop.artifacts.study import BROUGHT, StudyDocument, StudyPaths
from closedloop.errors import OptionError, SessionError, StudyError
from closedloop.plain_text.printed import command_line
from closedloop.storage import remove_file, sha256_file
from closedloop.study.amending.decide import Decision, decide
from closedloop.study.process.lock import study_lock


def close_day(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, day: int, by: str | None, why: str
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

    Returns
    -------
    list of str
        What was done, a line each.

    Raises
    ------
    ClosedLoopError
        The session is not there, or is at its end; nothing of it was shown; or the day is closed already.
    """
    _refuse_other_days(protocol, day)
    if study.simulated and not study.sessions_are_brought:
        raise StudyError(
            f"{paths.root}: expected a study of an animal, found a simulated one. Its sessions go to their end."
        )
    _refuse_not_ready(paths, day)
    place = JOURNAL.published(paths, day)
    if (place.parent / MANIFEST_NAME).is_file():
        raise StudyError(
            f"{place.parent}: expected a session that waits to be taken over, found one that was. Nothing is left."
        )
    session, journal = SESSION.read(SESSION.published(paths, day)), JOURNAL.read(place)
    plan = planned_session(session, PRESENTATIONS.read(PRESENTATIONS.published(paths, day)))
    check_journal(journal, place, plan=plan)
    check_ended(journal, place)
    summary = SUMMARY.read(SUMMARY.published(paths, day))
    if summary.outcome != "stopped":
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

    decision(read_amendments(paths.amendments))  # refused before anything is written
    line = decide(paths, study, by=by, why=why, decision=decision)
    closed = closed_day((line,), paths.block(day))
    lines = [
        f"{closed.said[0].upper()}{closed.said[1:]}; they count." if closed else "",
        "Images that were never shown are offered to the next day.",
    ]
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
    _refuse_other_days(protocol, day)
    if (paths.folder("ingest", day) / MANIFEST_NAME).is_file():
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

    decision(read_amendments(paths.amendments))  # refused before anything is written
    with study_lock(paths.root):  # nobody takes it over meanwhile
        decide(paths, study, by=by, why=why, decision=decision)
        for stage in reversed(BROUGHT):
            remove_file(paths.folder(stage, day) / MANIFEST_NAME)  # what was brought lies there, and more may come
    said = paths.block(day).said
    return [
        f"{said[0].upper()}{said[1:]} is open again: go on with its session by `rig present --resume`, and bring "
        "its output and the recording again, whole."
    ]


def _refuse_not_ready(paths: StudyPaths, day: int) -> None:
    schedule = paths.folder("schedule", day)
    if not (schedule / MANIFEST_NAME).is_file():
        raise StudyError(
            f"{schedule}: expected a session that was shown, found that {paths.block(day).said} has none yet. Go on "
            f"with `{command_line('closedloop', 'run', paths.root)}`."
        )


def _refuse_other_days(protocol: Protocol, day: int) -> None:
    if day >= protocol.days:
        raise OptionError(f"--day: expected a day from 0 to {protocol.days - 1}, found {day}. Correct it.")
