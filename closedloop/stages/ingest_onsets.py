"""The journal's side of ingest: what was sent, what was accepted, when its light came on the recorder's clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.journal import Journal, Presentation, SegmentOpened, TrialStarted
from closedloop.recording.alignment import Alignment
from closedloop.recording.codes import SentCodes
from closedloop.recording.usability import usable
from closedloop.stages.ingest_recording import DayRecording


def sent_codes(journal: Journal) -> SentCodes:
    """List every word the rig sent, in order.

    A real rig's clock starts anew with each segment; a virtual clock goes on where the last one stopped, so that its
    segments are one.
    """
    codes, times, segments, lit, segment = [], [], [], [], -1
    for row in journal.rows:
        if isinstance(row, SegmentOpened):
            segment += 1 if row.clock == "real" or segment < 0 else 0
        elif isinstance(row, Presentation | TrialStarted):
            shown = isinstance(row, Presentation)
            codes.append(row.code)
            times.append(row.onset_s if isinstance(row, Presentation) else row.time_s)
            segments.append(segment)
            lit.append(shown)
    return SentCodes(np.array(codes, dtype=np.int64), np.array(times), np.array(segments), np.array(lit, dtype=bool))


@dataclass(frozen=True)
class Onsets:
    """All presentations of the journal, (n_presentations,) each.

    Attributes
    ----------
    onset_tick
        Light onset in the recorder's ticks; NaN where it is unknown or something around it was not recorded.
    used
        Accepted by the rig and usable.
    reason
        Why not used; empty where used.
    """

    presentations: tuple[Presentation, ...]
    onset_tick: NDArray[np.float64]
    source: NDArray[np.str_]
    reason: tuple[str, ...]
    tick_hz: float

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """What the rig accepted."""
        return np.array([row.outcome == "accepted" for row in self.presentations])

    @property
    def used(self) -> NDArray[np.bool_]:
        """What counts."""
        return np.array([not reason for reason in self.reason])

    @property
    def image_index(self) -> NDArray[np.int64]:
        """Image of each presentation."""
        return np.array([row.image_index for row in self.presentations], dtype=np.int64)

    def set_aside(self) -> dict[str, int]:
        """Count the accepted presentations that are not used, by reason."""
        rows = zip(self.accepted, self.reason, strict=True)
        return dict(sorted(Counter(reason for accepted, reason in rows if accepted and reason).items()))

    def table(self) -> dict[str, Any]:
        """Return the columns of responses.parquet."""
        rows = self.presentations
        return {
            "ordinal": [row.ordinal for row in rows],
            "presentation_index": [row.presentation_index for row in rows],
            "image_index": [row.image_index for row in rows],
            "stimulus_id": [row.stimulus_id for row in rows],
            "repetition": [row.repetition for row in rows],
            "onset_s": self.onset_tick / self.tick_hz,
            "onset_source": self.source.tolist(),
            "used": self.used,
            "reason": list(self.reason),
        }


def onsets_of(journal: Journal, alignment: Alignment, recording: DayRecording) -> Onsets:
    """Take the presentations out of the aligned words and set aside what cannot be used."""
    shown = sent_codes(journal).is_lit
    onset, recorded_reason = usable(
        alignment.epoch[shown],
        alignment.onset_tick[shown],
        recording.blocks,
        tick_hz=recording.tick_hz,
    )
    rows = journal.presentations
    unplaced = [reason for reason, lit in zip(alignment.reason, shown, strict=True) if lit]
    reasons = tuple(
        f"rejected by the rig: {row.reason}" if row.outcome == "rejected" else (first or second)
        for row, first, second in zip(rows, unplaced, recorded_reason, strict=True)
    )
    return Onsets(rows, onset, alignment.source[shown], reasons, recording.tick_hz)
