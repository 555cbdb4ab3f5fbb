"""Files of one recording that was split, as one: samples after samples, clock segments counted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.devices.port import RecordedSamples
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment
from closedloop.storage import FilePart


@dataclass(frozen=True)
class JoinedSamples:
    """Samples of several files with the same electrodes, rate and clock, in order: `RecordedSamples` of their own."""

    parts: tuple[RecordedSamples, ...]

    @property
    def file(self) -> Path:
        """The first file."""
        return self.parts[0].file

    @property
    def electrode_ids(self) -> tuple[int, ...]:
        """The recorder's numbers of the columns."""
        return self.parts[0].electrode_ids

    @property
    def n_channels(self) -> int:
        """Columns of what `read` gives."""
        return self.parts[0].n_channels

    @property
    def rate_hz(self) -> float:
        """Nominal samples per second."""
        return self.parts[0].rate_hz

    @property
    def tick_hz(self) -> int:
        """Ticks per second of the recorder's clock."""
        return self.parts[0].tick_hz

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Segments of all files; each file's clock segments begin after those of the file before."""
        counts = [1 + max((one.clock_segment for one in part.segments), default=-1) for part in self.parts]
        firsts = [0, *accumulate(counts)]
        return tuple(
            replace(one, clock_segment=first + one.clock_segment)
            for part, first in zip(self.parts, firsts, strict=False)
            for one in part.segments
        )

    def fingerprint(self) -> tuple[str, ...]:
        """Return what must be the same for the samples to be the same."""
        return tuple(word for part in self.parts for word in part.fingerprint())

    def read(self, segment: int, start: int, stop: int) -> NDArray[Any]:
        """Read samples of one segment, in bits. See `SampleSource.read`."""
        part, own = self._place(segment)
        return part.read(own, start, stop)

    def file_parts(self, segment: int, start: int, stop: int) -> tuple[FilePart | Path, ...]:
        """Return what of which files `read` reads. See `RecordedSamples.file_parts`."""
        part, own = self._place(segment)
        return part.file_parts(own, start, stop)

    def ticks(self, segment: int, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Time samples of one segment by their index in it, any shape."""
        part, own = self._place(segment)
        return part.ticks(own, sample)

    def bridged(self, segment: int, start: int, stop: int) -> NDArray[np.int64]:
        """Return samples that were not recorded. See `SampleSource.bridged`."""
        part, own = self._place(segment)
        return part.bridged(own, start, stop)

    def _place(self, segment: int) -> tuple[RecordedSamples, int]:
        for part in self.parts:
            if segment < len(part.segments):
                return part, segment
            segment -= len(part.segments)
        raise ValueError(f"no segment {segment} after the last one")


def join_samples(parts: Sequence[RecordedSamples]) -> RecordedSamples:
    """Join the files of a recording that was split.

    Parameters
    ----------
    parts
        In order of time.

    Raises
    ------
    RecordingError
        They differ in electrodes, rate or clock, or one comes twice.
    """
    first = parts[0]
    for part in parts[1:]:
        facts = [(one.electrode_ids, one.rate_hz, one.tick_hz) for one in (first, part)]
        if facts[0] != facts[1]:
            raise RecordingError(
                f"{part.file}: expected the electrodes, the rate and the clock of {first.file.name}, found "
                f"{_difference(first, part)}. Give the files of one recording."
            )
    files = [part.file.resolve() for part in parts]
    twice = next((part.file for part in parts if files.count(part.file.resolve()) > 1), None)
    if twice is not None:
        raise RecordingError(f"{twice}: expected each file of a recording once, found it twice. Give it once.")
    return first if len(parts) == 1 else JoinedSamples(tuple(parts))


def _difference(first: RecordedSamples, second: RecordedSamples) -> str:
    if first.rate_hz != second.rate_hz:
        return f"{second.rate_hz:g} samples a second instead of {first.rate_hz:g}"
    if first.tick_hz != second.tick_hz:
        return f"{second.tick_hz} ticks a second instead of {first.tick_hz}"
    missing = sorted(set(first.electrode_ids) - set(second.electrode_ids))
    added = sorted(set(second.electrode_ids) - set(first.electrode_ids))
    if not missing and not added:
        return "the same electrodes in another order"
    return " and ".join(
        f"{len(ids)} electrodes {word} ({', '.join(map(str, ids[:4]))}{' ...' if len(ids) > 4 else ''})"
        for ids, word in ((missing, "fewer"), (added, "more"))
        if ids
    )
