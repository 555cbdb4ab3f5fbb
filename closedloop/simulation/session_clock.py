"""A session in seconds since it began: the clock of a rig's computer counts from when that was switched on."""

from __future__ import annotations

from dataclasses import replace

from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import JournalRow, Presentation


def since_the_start(journal: Journal) -> Journal:
    """Return a journal whose times count from its first launch: the simulated recorder starts just before that.

    Without it a session on a screen would be recorded from when the computer was switched on, days of voltage long.
    """
    start_s = journal.launches[0].time_s
    return replace(journal, rows=tuple(_earlier(row, start_s) for row in journal.rows))


def _earlier(row: JournalRow, by_s: float) -> JournalRow:
    if isinstance(row, Presentation):
        return row.model_copy(update={"onset_s": row.onset_s - by_s, "offset_s": row.offset_s - by_s})
    return row.model_copy(update={"time_s": row.time_s - by_s})
