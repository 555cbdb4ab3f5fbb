"""How long the rig was at work: each launch by its own times, as its clock begins anew where the computer was started.

Times of two launches compare where both name the same start of the computer (`LaunchOpened.boot_id`), and on a virtual
clock, which goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from closedloop.artifacts.day.journal_rows import JournalRow, LaunchOpened, Presentation


def last_s(row: JournalRow) -> float:
    """Return the time at which what a row tells was over."""
    return row.offset_s if isinstance(row, Presentation) else row.time_s


def time_at_work_s(rows: Iterable[JournalRow]) -> float:
    """Return the sum over the launches of the time from the launch to its last row that stands, seconds."""
    return sum(end_s - start_s for start_s, end_s in _spans(rows))


def time_from_first_to_last_s(rows: Sequence[JournalRow]) -> float:
    """Return the duration as rigs of version 0.1 counted it: from the first launch to the session's end."""
    return last_s(rows[-1]) - next(row.time_s for row in rows if isinstance(row, LaunchOpened))


def goes_on(earlier: LaunchOpened, later: LaunchOpened) -> bool:
    """Return whether two launches have one clock, so that the later one's times cannot be before the earlier one's."""
    if earlier.clock != later.clock:
        return False
    return later.clock == "virtual" or (later.boot_id is not None and earlier.boot_id == later.boot_id)


def _spans(rows: Iterable[JournalRow]) -> Iterator[tuple[float, float]]:
    """Yield when each launch began, and when its last row was."""
    start_s: float | None = None
    end_s = 0.0
    for row in rows:
        if isinstance(row, LaunchOpened):
            if start_s is not None:
                yield start_s, end_s
            start_s = row.time_s
        end_s = last_s(row)
    if start_s is not None:
        yield start_s, end_s
