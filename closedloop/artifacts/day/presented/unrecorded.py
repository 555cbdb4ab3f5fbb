"""What was accepted and turns out to be in no recording: it is rejected after all, and shown again.

A recorder is missed only some time after it went: half a second after its last packet, half a minute after its file
grew last. The row that says so says since when nothing is known to have been recorded; and as each trial begins, the
journal says up to when it was known. Where a launch ends without an end of its recording (a kill, a power cut), what
came after that is not known to be recorded either: nobody looked any more.

This is the one place that says which presentations these are. The order of a session, its summary, the operator's
panel and whoever reads a journal ask here, so that all of them agree at every line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    LaunchOpened,
    Presentation,
    RecordingNoted,
    TrialBegun,
)

AFTER_ONSET_S: Final = 0.5
"""So long after its onset a presentation has to be recorded. Ingest needs 170 ms unless the window in which spikes are
counted ends later; the light comes some frames after the flip."""


@dataclass(frozen=True)
class RecordingLoss:
    """Nothing is known to have been recorded from a time of the launch on; what was accepted and needs it."""

    from_s: float
    presentations: tuple[Presentation, ...]


class RecordedSoFar:
    """Follows a journal's rows, in order, and says at which of them something turns out not to be recorded."""

    def __init__(self) -> None:
        self._waiting: list[Presentation] = []
        self._is_on = self._can_know = False
        self._known_s = 0.0

    @property
    def needed_until_s(self) -> float | None:
        """Up to when the recording has to go on for all that was accepted; None where nothing waits for it."""
        return max((_needed_until_s(row) for row in self._waiting), default=None)

    def note(self, row: JournalRow) -> RecordingLoss | None:
        """Add a row.

        Returns
        -------
        RecordingLoss or None
            What the row says to be in no recording; its presentations may be none.
        """
        match row:
            case Presentation():
                if self._is_on and row.counted_when_shown:
                    self._waiting.append(row)
            case TrialBegun(recorded_until_s=float(until_s)) if self._is_on:
                self._known_s, self._can_know = until_s, True
                self._waiting = self._after(until_s)
            case RecordingNoted(state="started"):
                self._is_on, self._can_know, self._known_s, self._waiting = True, False, row.time_s, []
            case RecordingNoted():
                return self._end(row.unrecorded_from_s)
            case LaunchOpened():
                return self._end(self._known_s if self._can_know else None)
            case _:
                pass
        return None

    def _end(self, from_s: float | None) -> RecordingLoss | None:
        loss = RecordingLoss(from_s, tuple(self._after(from_s))) if self._is_on and from_s is not None else None
        self._is_on, self._can_know, self._waiting = False, False, []
        return loss

    def _after(self, time_s: float) -> list[Presentation]:
        return [row for row in self._waiting if _needed_until_s(row) > time_s]


def reject_unrecorded(rows: Sequence[JournalRow]) -> list[JournalRow]:
    """Return the rows with what turned out to be in no recording rejected: what a journal says in the end.

    Parameters
    ----------
    rows
        All that stand, in order.
    """
    lost = _lost_ordinals(rows)
    return [_rejected(row) if isinstance(row, Presentation) and row.ordinal in lost else row for row in rows]


def _lost_ordinals(rows: Iterable[JournalRow]) -> frozenset[int]:
    so_far = RecordedSoFar()
    losses = [so_far.note(row) for row in rows]
    return frozenset(one.ordinal for loss in losses if loss is not None for one in loss.presentations)


def _rejected(row: Presentation) -> Presentation:
    return row.model_copy(update={"outcome": "rejected", "reason": "not_recorded"})


def _needed_until_s(row: Presentation) -> float:
    return row.onset_s + AFTER_ONSET_S
