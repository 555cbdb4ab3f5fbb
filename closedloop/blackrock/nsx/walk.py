"""Where the samples of an NSx file lie, as the walks over its data find it: segments, their bytes, repairs."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nsx.layout import NsxLayout
from closedloop.blackrock.nsx.runs import FileRuns, RawRuns, join_runs
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment

LARGEST_TICK = 1 << 62  # 146 years in nanoseconds; a larger timestamp is damage, and int64 has room to count on
_MOST_SEGMENTS = 100_000  # 5 a second for 5 hours; the list of more would outgrow our memory
_MOST_RUNS = 500_000  # 27 bridged holes a second for 5 hours
_MOST_CLOCK_SEGMENTS = 1_000  # a day has a handful


@dataclass(frozen=True)
class DataPart:
    """The part of a file after its headers.

    Attributes
    ----------
    first_byte, size
        Where it starts, and the size of the whole file.
    ticks_per_sample
        Nominal.
    tick_hz
        Of the clock.
    bridge_ms
        A hole of at most so many milliseconds ends no segment.
    """

    file: Path
    layout: NsxLayout
    first_byte: int
    size: int
    n_channels: int
    ticks_per_sample: Fraction
    tick_hz: int
    bridge_ms: float

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return 2 * self.n_channels


@dataclass(frozen=True)
class FoundData:
    """What a walk found: the segments, where they lie in the file, one sentence for each repair, and what is lost."""

    segments: tuple[Segment, ...]
    runs: FileRuns
    repairs: tuple[str, ...]
    lost: tuple[str, ...]


def _numbers() -> array[int]:
    return array("q")


@dataclass
class RunList:
    """Collects what a walk finds: runs of samples without a hole or a block header between them."""

    part: DataPart
    first_tick: array[int] = field(default_factory=_numbers)
    end_tick: array[int] = field(default_factory=_numbers)
    n_samples: array[int] = field(default_factory=_numbers)
    first_byte: array[int] = field(default_factory=_numbers)
    repairs: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def add(self, *, first_tick: int, end_tick: int, n_samples: int, byte: int) -> None:
        """Append a run.

        Parameters
        ----------
        first_tick, end_tick
            Ticks of the first sample, and of the one that would follow the last.
        n_samples
            Length.
        byte
            Where the first sample starts.

        Raises
        ------
        RecordingError
            There are more than any recording has.
        """
        if len(self.first_tick) == _MOST_RUNS:
            raise self._too_many(_MOST_RUNS, "uninterrupted runs of samples")
        self.first_tick.append(first_tick)
        self.end_tick.append(end_tick)
        self.n_samples.append(n_samples)
        self.first_byte.append(byte)

    def repair(self, sentence: str) -> None:
        """Note what was repaired."""
        self.repairs.append(sentence)

    def lose(self, sentence: str) -> None:
        """Note what could not be repaired and is left out."""
        self.lost.append(sentence)
        self.repairs.append(sentence)

    def found(self) -> FoundData:
        """Return what was collected, runs joined to segments.

        Raises
        ------
        RecordingError
            Something was lost, and nothing is left; or there are more segments or resets than any recording has.
        """
        if self.lost and not self.first_tick:
            raise RecordingError(
                f"{self.part.file}: expected samples, found none: {self.repairs[-1]}. Copy the file again."
            )
        columns = (self.first_tick, self.end_tick, self.n_samples, self.first_byte)
        joined = join_runs(
            RawRuns(*(_integers(column) for column in columns)),
            ticks_per_sample=self.part.ticks_per_sample,
            tick_hz=self.part.tick_hz,
            bridge_ms=self.part.bridge_ms,
        )
        if len(joined.segments) > _MOST_SEGMENTS:
            raise self._too_many(_MOST_SEGMENTS, "uninterrupted segments")
        if joined.segments and joined.segments[-1].clock_segment >= _MOST_CLOCK_SEGMENTS:
            raise self._too_many(_MOST_CLOCK_SEGMENTS, "clock segments", n_found=joined.segments[-1].clock_segment + 1)
        return FoundData(joined.segments, joined.runs, (*self.repairs, *joined.repairs), tuple(self.lost))

    def _too_many(self, most: int, what: str, n_found: int | None = None) -> RecordingError:
        found = "more" if n_found is None else str(n_found)
        return RecordingError(
            f"{self.part.file}: expected at most {most} {what}, found {found}. The header's sampling rate or the time "
            "stamps are corrupt: copy the file again."
        )


def _integers(column: Sequence[int]) -> NDArray[np.int64]:
    return np.array(column, np.int64)
