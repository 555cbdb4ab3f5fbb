"""What people decided about a study, on its pages: every line of its amendments, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from closedloop.artifacts.amended.rigs import shown_by
from closedloop.artifacts.amended.words import ToldLine, told
from closedloop.artifacts.records.sequence import Block
from closedloop.report.layout import PageSection
from closedloop.report.reading import DayRecord, StudyRecord
from closedloop.report.tables import Table


def decisions(record: StudyRecord) -> PageSection | None:
    """Show all decisions, the first one first; None where nobody decided anything."""
    return _section(told(record.amendments), "What was decided")


def decisions_of_day(record: StudyRecord, day: DayRecord) -> PageSection | None:
    """Show the decisions about a day, and those that hold from an earlier day on.

    Parameters
    ----------
    record
        The study.
    day
        One of its days.
    """
    lines = [one for one in told(record.amendments) if _concerns(one, day.day)]
    return _section(tuple(lines), f"What was decided about day {day.day}")


def as_shown(record: StudyRecord) -> list[str]:
    """Return what sessions were made from that was made again since, and which rig showed which, a sentence each."""
    return [*(day.as_shown for day in record.days if day.as_shown), *shown_by(record.amendments)]


def made_before(outdated: Mapping[Block, Sequence[str]], *, day: DayRecord | None = None) -> list[str]:
    """Say at the top of a page that its numbers are of before a decision, of which, and what makes them anew.

    Parameters
    ----------
    outdated
        By session, the published stages that are to be made again, each with why.
    day
        Whose page it is; None for the study's.
    """
    of_sessions = [f"{one.said}: {', '.join(names)}" for one, names in outdated.items() if names and _is_on(one, day)]
    if not of_sessions:
        return []
    return [
        f"These numbers were made before what was decided since. Still to be made again: {'; '.join(of_sessions)}. "
        "`closedloop run .` in the study's folder makes them anew."
    ]


def _is_on(session: Block, day: DayRecord | None) -> bool:
    return day is None or day.session == session


def _concerns(one: ToldLine, day: int) -> bool:
    since = one.line.kind in ("amend_protocol", "withdraw", "change_rig") and one.line.day is not None
    return one.line.day == day or (since and (one.line.day or 0) <= day)


def _section(lines: tuple[ToldLine, ...], heading: str) -> PageSection | None:
    if not lines:
        return None
    rows = tuple(
        (f"line {one.number}", one.line.utc[:16].replace("T", " "), one.of_day, one.line.who, one.words, one.line.why)
        for one in lines
    )
    caption = "Of the study's amendments.jsonl, in order; times in UTC. Days that were recorded stand as they were."
    table = Table(columns=("", "when", "about", "who", "what", "why"), rows=rows, caption=caption, prose=True)
    return PageSection("decisions", heading, tables=(table,))
