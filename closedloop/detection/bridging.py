"""A source with a line over each short run in which a bank stood still: no step that a filter would answer to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.detection.dropouts import Dropout
from closedloop.recording.segments import Segment
from closedloop.recording.source import SampleSource


@dataclass(frozen=True)
class BridgedSource:
    """The samples of another source, but those of one segment with lines over dropouts; `banks` has each channel's."""

    source: SampleSource
    segment: int
    dropouts: tuple[Dropout, ...]
    banks: NDArray[np.int64]

    @property
    def segments(self) -> Sequence[Segment]:
        """Uninterrupted segments."""
        return self.source.segments

    @property
    def rate_hz(self) -> float:
        """Samples per second."""
        return self.source.rate_hz

    @property
    def tick_hz(self) -> int:
        """Ticks per second."""
        return self.source.tick_hz

    @property
    def n_channels(self) -> int:
        """Columns of what `read` gives."""
        return self.source.n_channels

    def ticks(self, segment: int, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Time samples."""
        return self.source.ticks(segment, sample)

    def bridged(self, segment: int, start: int, stop: int) -> NDArray[np.int64]:
        """Return samples in holes of the recording.

        Parameters
        ----------
        segment
            Which segment, from 0.
        start, stop
            Samples of it, from 0.
        """
        return self.source.bridged(segment, start, stop)

    def read(self, segment: int, start: int, stop: int) -> NDArray[Any]:
        """Read samples start to stop (exclusive) with the lines.

        Parameters
        ----------
        segment
            Which segment, from 0.
        start, stop
            Samples of it, from 0.
        """
        rows = self.source.read(segment, start, stop)
        here = (
            [one for one in self.dropouts if one.start < stop and start < one.stop] if segment == self.segment else []
        )
        if here:
            rows = np.array(rows)
        for one in here:
            first, end = max(one.start, start), min(one.stop, stop)
            rows[first - start : end - start, self.banks == one.bank] = self._line(one, np.arange(first, end))
        return rows

    def _line(self, one: Dropout, sample: NDArray[np.int64]) -> NDArray[Any]:
        """Return samples of the line from that before a dropout to that after it; level where there is but one."""
        own = self.banks == one.bank
        last = self.source.segments[self.segment].n_samples - 1
        before = one.start - 1 if one.start else min(one.stop, last)
        after = one.stop if one.stop <= last else max(one.start - 1, 0)
        first, second = (self.source.read(self.segment, at, at + 1)[0, own].astype(float) for at in (before, after))
        share = (sample - one.start + 1)[:, None] / (one.stop - one.start + 1)
        line = first + share * (second - first)
        kind = self.source.read(self.segment, before, before + 1).dtype
        return np.asarray((np.rint(line) if np.issubdtype(kind, np.integer) else line).astype(kind))
