"""The samples of some channels of a stream: a source for detection, read through neo in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import RecordingError
from closedloop.neo_files.source import open_neo, refusing
from closedloop.neo_files.streams import NeoStream
from closedloop.neo_files.timing import TimedPiece, ticks_per_sample
from closedloop.recording.segments import Segment
from closedloop.recording.source import regular_ticks

_READ_BYTES = 1 << 22  # of whole rows, whatever number of columns is wanted
_MICROVOLTS_A_BIT = 0.25  # a whole number of what float streams are scaled to, as Blackrock's bits are
_MIDDLE = 1 << 15  # zero of unsigned 16-bit samples


@dataclass(frozen=True)
class NeoSamples:
    """Samples in bits: 16-bit ones as they are in the file, floats in steps of 0.25 uV.

    neo's reader is opened anew in every process, so that this is small and can be sent to another.
    """

    stream: NeoStream
    columns: tuple[int, ...]
    electrode_ids: tuple[int, ...]
    tick_hz: int
    pieces: tuple[TimedPiece, ...]

    @property
    def file(self) -> Path:
        """What neo opened."""
        return self.stream.source.path

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Uninterrupted segments, in order."""
        return tuple(piece.segment for piece in self.pieces)

    @property
    def rate_hz(self) -> float:
        """Nominal samples per second."""
        return self.stream.rate_hz

    @property
    def n_channels(self) -> int:
        """Columns of what `read` gives."""
        return len(self.columns)

    @property
    def uv(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Microvolts per bit of what `read` gives, and at bit zero, by column; of an unknown unit, one."""
        stored = np.dtype(self.stream.dtype)
        if stored not in (np.int16, np.uint16):
            return (_MICROVOLTS_A_BIT,) * self.n_channels, (0.0,) * self.n_channels
        middle = _MIDDLE if stored == np.uint16 else 0
        channels = [self.stream.channels[column] for column in self.columns]
        return (
            tuple(one.gain * one.microvolts_per_unit for one in channels),
            tuple((one.offset + middle * one.gain) * one.microvolts_per_unit for one in channels),
        )

    def fingerprint(self) -> tuple[str, ...]:
        """Return what must be the same for the samples to be the same: the files as they are now, and the columns."""
        return repr(self.stream), repr(self.columns), repr(self.pieces)

    def file_parts(self, segment: int, start: int, stop: int) -> tuple[Path, ...]:  # noqa: ARG002 - neo reads as it does
        """Return the folder of the recording, whole: neo reads what it reads. See `RecordedSamples.file_parts`."""
        path = self.stream.source.path
        return (path if path.is_dir() else path.parent,)

    def read(self, segment: int, start: int, stop: int) -> NDArray[Any]:
        """Read samples of one segment, in bits. See `SampleSource.read`.

        Raises
        ------
        ValueError
            The segment has no such samples.
        RecordingError
            The files are no longer what they were when they were opened.
        """
        stored = self.read_stored(segment, start, stop)
        if stored.dtype == np.uint16:
            return (stored ^ np.uint16(_MIDDLE)).view(np.int16)
        return stored if stored.dtype == np.int16 else self._scaled(stored)

    def read_stored(self, segment: int, start: int, stop: int) -> NDArray[Any]:
        """Read samples as they are in the file, of its own type: words of digital lines, for one.

        Parameters
        ----------
        segment
            Which segment, from 0.
        start, stop
            Samples of it, from 0.
        """
        n_samples = self.pieces[segment].segment.n_samples
        if not 0 <= start <= stop <= n_samples:
            raise ValueError(f"segment {segment} has samples 0 to {n_samples}, not {start} to {stop}")
        dtype = np.dtype(self.stream.dtype)
        out = np.empty((stop - start, self.n_channels), dtype)
        length = max(_READ_BYTES // max(len(self.stream.channels) * dtype.itemsize, 1), 1)
        for first in range(start, stop, length):
            last = min(first + length, stop)
            rows = self._rows(segment, first, last)
            out[first - start : last - start] = rows if self._is_whole_rows else rows[:, list(self.columns)]
        return out

    def ticks(self, segment: int, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Time samples of one segment by their index in it, any shape."""
        step = ticks_per_sample(self.rate_hz, self.tick_hz)
        return regular_ticks(self.pieces[segment].segment.first_tick, np.asarray(sample, np.int64), step)

    def bridged(self, segment: int, start: int, stop: int) -> NDArray[np.int64]:  # noqa: ARG002 - neo bridges no hole
        """Return none: where neo says that samples are missing, a segment ends. See `SampleSource.bridged`."""
        return np.zeros(0, np.int64)

    @property
    def _is_whole_rows(self) -> bool:
        return self.columns == tuple(range(len(self.stream.channels)))

    def _rows(self, segment: int, start: int, stop: int) -> NDArray[Any]:
        """Let neo read; what it gives may be a map of the file, which the caller copies and lets go."""
        piece = self.pieces[segment]
        with refusing(self.stream.source):
            rows = open_neo(self.stream.source).rawio.get_analogsignal_chunk(
                block_index=piece.block,
                seg_index=piece.neo_segment,
                i_start=piece.first_sample + start,
                i_stop=piece.first_sample + stop,  # never 0, which neo takes for "to the end"
                stream_index=self.stream.index,
                channel_indexes=None,
            )
            found = np.asarray(rows)
        if found.shape != (stop - start, len(self.stream.channels)):
            raise RecordingError(
                f"{self.file}: expected {stop - start} samples of {len(self.stream.channels)} channels, found "
                f"{' x '.join(map(str, found.shape))}: what describes the file disagrees with it. Restore the files."
            )
        return found

    def _scaled(self, values: NDArray[Any]) -> NDArray[np.float32]:
        channels = [self.stream.channels[column] for column in self.columns]
        gain = np.array([one.gain * one.microvolts_per_unit for one in channels]) / _MICROVOLTS_A_BIT
        offset = np.array([one.offset * one.microvolts_per_unit for one in channels]) / _MICROVOLTS_A_BIT
        return (values * gain + offset).astype(np.float32)
