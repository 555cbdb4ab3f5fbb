"""The port between continuous samples and whoever computes on them: read any part of any segment, and time it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.segments import Segment


class SampleSource(Protocol):
    """Continuous samples of some channels.

    `nsx.NsxSamples` reads them from a file, `ArraySource` from memory. A source is small, can be pickled, and may be
    read from several processes at once.
    """

    @property
    def segments(self) -> Sequence[Segment]:
        """Uninterrupted segments in the file's order."""

    @property
    def rate_hz(self) -> float:
        """Nominal samples per second of a channel."""

    @property
    def tick_hz(self) -> int:
        """Ticks per second of the recorder's clock."""

    @property
    def n_channels(self) -> int:
        """Columns of what `read` gives."""

    def read(self, segment: int, start: int, stop: int) -> NDArray[Any]:
        """Read samples start to stop (exclusive) of one segment, shape (stop - start, n_channels), in bits.

        Parameters
        ----------
        segment
            Which segment, from 0.
        start, stop
            Samples of it, from 0.
        """

    def ticks(self, segment: int, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Time samples of one segment by their index in it, any shape."""

    def bridged(self, segment: int, start: int, stop: int) -> NDArray[np.int64]:
        """Return those of samples start to stop that were not recorded: `read` gives a line over such short holes.

        Parameters
        ----------
        segment
            Which segment, from 0.
        start, stop
            Samples of it, from 0.
        """


_BLOCK = 1 << 20  # samples; a fraction up to this denominator has room in int64 for 2 ** 41 of them


def regular_ticks(
    first_tick: int | NDArray[np.int64], sample: NDArray[np.int64], ticks_per_sample: Fraction
) -> NDArray[np.int64]:
    """Time samples that follow one another at a fixed number of ticks, to the nearest tick.

    Parameters
    ----------
    first_tick
        Tick of sample 0, one for all or one each.
    sample
        Indices of samples, any shape.
    ticks_per_sample
        Distance of two samples, exactly.
    """
    numerator, denominator = ticks_per_sample.numerator, ticks_per_sample.denominator
    whole, part = divmod(numerator, denominator)
    if denominator <= _BLOCK:
        return np.asarray(
            first_tick + sample * whole + (2 * sample * part + denominator) // (2 * denominator), np.int64
        )
    # A calibrated rate, 29999.757232 Hz on a clock of nanoseconds, is a fraction of so many digits that its product
    # with a sample's number, of some minutes already, has no room in int64: whole blocks of samples are taken first.
    block, within = np.divmod(sample, _BLOCK)
    in_block, rest = divmod(2 * part * _BLOCK, 2 * denominator)
    counted = block * in_block + (block * rest + 2 * within * part + denominator) // (2 * denominator)
    return np.asarray(first_tick + sample * whole + counted, np.int64)


@dataclass(frozen=True)
class ArraySource:
    """Samples in memory: one array (n_samples, n_channels) a segment, each with its clock segment and first tick.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.recording import ArraySource
    >>> source = ArraySource((np.zeros((300, 2), np.int16), np.zeros((60, 2), np.int16)), (0, 900), (0, 0))
    >>> [(segment.first_tick, segment.end_tick) for segment in source.segments]
    [(0, 300), (900, 960)]
    >>> source.ticks(1, np.array([0, 59])).tolist()
    [900, 959]
    """

    arrays: tuple[NDArray[Any], ...]
    first_ticks: tuple[int, ...] = (0,)
    clock_segments: tuple[int, ...] = (0,)
    rate_hz: float = 30_000.0
    tick_hz: int = 30_000

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Uninterrupted segments."""
        rows = zip(self.clock_segments, self.first_ticks, self.arrays, strict=True)
        return tuple(
            Segment(clock_segment, first, int(regular_ticks(first, np.array(len(array)), self._step)), len(array))
            for clock_segment, first, array in rows
        )

    @property
    def n_channels(self) -> int:
        """Columns of the arrays."""
        return int(self.arrays[0].shape[1])

    @property
    def _step(self) -> Fraction:
        return Fraction(self.tick_hz) / Fraction(self.rate_hz).limit_denominator(1_000_000)

    def read(self, segment: int, start: int, stop: int) -> NDArray[Any]:
        """Return a view of the array. See `SampleSource.read`."""
        return self.arrays[segment][start:stop]

    def ticks(self, segment: int, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Time samples by the nominal rate."""
        return regular_ticks(self.first_ticks[segment], sample, self._step)

    def bridged(self, segment: int, start: int, stop: int) -> NDArray[np.int64]:  # noqa: ARG002 - all of it is there
        """Return none: an array has no holes. See `SampleSource.bridged`."""
        return np.zeros(0, np.int64)
