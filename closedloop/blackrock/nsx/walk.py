"""Where the samples of an NSx file lie, as the walks over its data find it: segments, their bytes, repairs."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from closedloop.blackrock.nsx.layout import NsxLayout
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment

LARGEST_TICK = 1 << 62  # 146 years in nanoseconds; a larger timestamp is damage, and int64 has room to count on
_MOST_SEGMENTS = 100_000  # 5 a second for 5 hours; the list of more would outgrow our memory


@dataclass(frozen=True)
class DataPart:
    """The part of a file after its headers.

    Attributes
    ----------
    first_byte, size
        Where it starts, and the size of the whole file.
    ticks_per_sample
        Nominal.
    """

    file: Path
    layout: NsxLayout
    first_byte: int
    size: int
    n_channels: int
    ticks_per_sample: Fraction

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return 2 * self.n_channels


@dataclass(frozen=True)
class FoundData:
    """What a walk found: each segment, the byte of its first sample, and one sentence for each repair."""

    segments: tuple[Segment, ...]
    first_bytes: tuple[int, ...]
    repairs: tuple[str, ...]


@dataclass
class SegmentList:
    """Collects what a walk finds."""

    file: Path
    segments: list[Segment] = field(default_factory=list)
    first_bytes: list[int] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    n_lost: int = 0

    def add(self, *, first_tick: int, end_tick: int, n_samples: int, byte: int, is_reset: bool) -> None:
        """Append a segment, in a new clock segment if the clock was reset before it.

        Parameters
        ----------
        first_tick, end_tick
            Ticks of the first sample, and of the one that would follow the last.
        n_samples
            Length.
        byte
            Where the first sample starts.
        is_reset
            Whether the clock was reset before it.

        Raises
        ------
        RecordingError
            There are more segments than any recording has.
        """
        if len(self.segments) == _MOST_SEGMENTS:
            raise RecordingError(
                f"{self.file}: expected at most {_MOST_SEGMENTS} uninterrupted segments, found more. The header's "
                "sampling rate or the time stamps are corrupt: copy the file again."
            )
        clock_segment = self.segments[-1].clock_segment + is_reset if self.segments else 0
        self.segments.append(Segment(clock_segment, first_tick, end_tick, n_samples))
        self.first_bytes.append(byte)

    def repair(self, sentence: str) -> None:
        """Note what was repaired."""
        self.repairs.append(sentence)

    def lose(self, sentence: str) -> None:
        """Note what could not be repaired and is left out."""
        self.n_lost += 1
        self.repairs.append(sentence)

    def found(self) -> FoundData:
        """Return what was collected.

        Raises
        ------
        RecordingError
            Something was lost, and nothing is left.
        """
        if self.n_lost and not self.segments:
            raise RecordingError(f"{self.file}: expected samples, found none: {self.repairs[-1]}. Copy the file again.")
        return FoundData(tuple(self.segments), tuple(self.first_bytes), tuple(self.repairs))
