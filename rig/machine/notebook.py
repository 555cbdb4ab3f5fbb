"""What the machine writes into the journal, each row at the time it is written, and never before the one before it."""

from __future__ import annotations

from closedloop.artifacts.day.journal_rows import JournalRow, Presentation
from rig.display.display import Display
from rig.session.journal import JournalWriter


class Notebook:
    """The journal, with the display's clock.

    Parameters
    ----------
    journal
        Where rows go.
    display
        Whose clock they have.
    """

    def __init__(self, journal: JournalWriter, display: Display) -> None:
        self._journal, self._display = journal, display
        self._last_s = -float("inf")

    def now_s(self) -> float:
        """Return the time, seconds."""
        return self.not_before(self._display.now_s())

    def not_before(self, time_s: float) -> float:
        """Return a time, or that of the last row where it is later: a flip is over before its rows are written."""
        return max(time_s, self._last_s)

    def write(self, row: JournalRow) -> None:
        """Write a row.

        Raises
        ------
        StorageError
            The disk is full.
        """
        self._journal.write(row)
        self._last_s = row.offset_s if isinstance(row, Presentation) else row.time_s

    def sync(self) -> None:
        """Make all rows durable."""
        self._journal.sync()
