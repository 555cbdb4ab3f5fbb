"""What the machine writes: each row of the journal at its time, never before the one before it; and gaze samples."""

from __future__ import annotations

from collections.abc import Iterable

from closedloop.artifacts.day.journal_rows import JournalRow, Presentation
from rig.display.display import Display
from rig.ports.gaze import GazeSample
from rig.session.gaze_writer import GazeWriter
from rig.session.journal import JournalWriter


class Notebook:
    """The journal, with the display's clock, and the file of gaze samples beside it.

    Parameters
    ----------
    journal
        Where rows go.
    display
        Whose clock they have.
    gaze
        Where gaze samples go; None where they are not kept.
    """

    def __init__(self, journal: JournalWriter, display: Display, gaze: GazeWriter | None = None) -> None:
        self._journal, self._display, self._gaze = journal, display, gaze
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

    def note_gaze(self, samples: Iterable[GazeSample]) -> None:
        """Take gaze samples; they are written at the next `sync`, between trials."""
        if self._gaze is None:
            return
        for sample in samples:
            point = sample.point
            self._gaze.note(sample.time_s, None if point is None else (point.x_deg, point.y_deg))

    def write_waiting(self) -> None:
        """Write gaze samples where many wait: nothing is shown now, and it may be long until the next trial ends."""
        if self._gaze is not None:
            self._gaze.write_many()

    def end_gaze(self) -> None:
        """Write the last gaze samples, before the journal has the session's end: whoever sees that end has them all."""
        if self._gaze is not None:
            self._gaze.end()

    def sync(self) -> None:
        """Make all rows durable, and all gaze samples."""
        self._journal.sync()
        if self._gaze is not None:
            self._gaze.sync()
