"""Samples of an NSx file: any part of any segment, in bounded memory.

Read with plain reads into a fresh buffer: neo maps the file into memory, whose pages count as ours and stay until the
map is closed, and gives no access to damaged files (docs/decisions/0008).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.channel_kinds import ChannelKind
from closedloop.blackrock.header_fields import read_into
from closedloop.blackrock.nsx.channels import find_channels
from closedloop.blackrock.nsx.header import NsxChannel, NsxHeader, read_nsx_header
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment
from closedloop.recording.source import regular_ticks

_BUFFER_BYTES = 1 << 19  # stays in the processor's cache while columns are picked out of it
_BYTES_A_SINGLE_READ = 8192  # in the time of one read of 8 bytes, a long read gets about as far (measured)


@dataclass(frozen=True)
class NsxSamples:
    """The samples of some channels: a `SampleSource` that opens the file anew for every read.

    `columns` are the channels' places in the file's rows.
    """

    file: Path
    header: NsxHeader
    channels: tuple[NsxChannel, ...]
    columns: tuple[int, ...]

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Uninterrupted segments in the file's order."""
        return self.header.segments

    @property
    def rate_hz(self) -> float:
        """Nominal samples per second."""
        return self.header.rate_hz

    @property
    def tick_hz(self) -> int:
        """Ticks per second of the recorder's clock."""
        return self.header.tick_hz

    @property
    def n_channels(self) -> int:
        """Columns of what `read` gives."""
        return len(self.columns)

    @property
    def scale(self) -> NDArray[np.float64]:
        """Units per bit, shape (n_channels,)."""
        return np.array([channel.scale for channel in self.channels])

    @property
    def offset(self) -> NDArray[np.float64]:
        """Units at bit zero, shape (n_channels,)."""
        return np.array([channel.offset for channel in self.channels])

    @property
    def electrode_ids(self) -> tuple[int, ...]:
        """The recorder's numbers of the columns, where these are electrodes."""
        return tuple(channel.channel_id for channel in self.channels)

    def fingerprint(self) -> tuple[str, ...]:
        """Return what must be the same for the samples to be the same: the file as it is now, and its columns."""
        status = self.file.stat()
        file = (str(self.file.resolve()), status.st_size, status.st_mtime_ns)
        return repr(file), repr(self.header), repr(self.columns)

    def read(self, segment: int, start: int, stop: int) -> NDArray[np.int16]:
        """Read samples start to stop (exclusive) of one segment, shape (stop - start, n_channels), in bits.

        Parameters
        ----------
        segment
            Which segment, from 0.
        start, stop
            Samples of it, from 0.

        Raises
        ------
        ValueError
            The segment has no such samples.
        RecordingError
            The file is no longer what it was when it was opened.
        """
        if not 0 <= start <= stop <= self.segments[segment].n_samples:
            raise ValueError(
                f"segment {segment} has samples 0 to {self.segments[segment].n_samples}, not {start} to {stop}"
            )
        with self._open() as stream:
            if self._is_whole_rows:
                rows = np.empty((stop - start, self.n_channels), "<i2")
                self._read_into(stream, rows, segment=segment, start=start)
                return rows
            return self._pick_columns(stream, segment=segment, start=start, stop=stop)

    def ticks(self, segment: int, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Time samples of one segment by their index in it, any shape; a PTP file has a time stamp for each.

        Raises
        ------
        ValueError
            The segment has no such samples.
        RecordingError
            The file is no longer what it was when it was opened.
        """
        sample = np.asarray(sample, np.int64)
        found = self.segments[segment]
        if sample.size and not 0 <= sample.min() <= sample.max() <= found.n_samples - 1:
            raise ValueError(
                f"segment {segment} has samples 0 to {found.n_samples}, not {sample.min()} to {sample.max()}"
            )
        if not self.header.layout.one_sample_a_block:
            return regular_ticks(found.first_tick, sample, self.header.ticks_per_sample)
        wanted, place = np.unique(sample, return_inverse=True)
        return self._time_stamps(segment, wanted)[place].reshape(sample.shape)

    @property
    def _row(self) -> np.dtype[np.void]:
        """Type what lies in the file from one sample to the next."""
        n_channels = len(self.header.channels)
        if self.header.layout.one_sample_a_block:
            return self.header.layout.packet(n_channels)
        return np.dtype([("samples", "<i2", (n_channels,))])

    @property
    def _is_whole_rows(self) -> bool:
        whole = self.columns == tuple(range(len(self.header.channels)))
        return whole and not self.header.layout.one_sample_a_block

    def _byte(self, segment: int, sample: int) -> int:
        """Find where the row of a sample starts."""
        row = self._row
        return self.header.first_bytes[segment] - _offset_of(row, "samples") + sample * row.itemsize

    def _pick_columns(self, stream: BinaryIO, *, segment: int, start: int, stop: int) -> NDArray[np.int16]:
        """Read rows through a small buffer and keep the wanted columns."""
        picked = np.empty((stop - start, self.n_channels), "<i2")
        for at, rows in self._rows(stream, segment=segment, start=start, stop=stop):
            _pick(rows["samples"], self.columns, out=picked[at - start : at - start + len(rows)])
        return picked

    def _rows(self, stream: BinaryIO, *, segment: int, start: int, stop: int) -> Iterator[tuple[int, NDArray[np.void]]]:
        """Read rows buffer by buffer, each with its first sample; the next read overwrites the last."""
        buffer = np.empty(min(max(_BUFFER_BYTES // self._row.itemsize, 1), stop - start), self._row)
        for at in range(start, stop, max(len(buffer), 1)):
            rows = buffer[: min(len(buffer), stop - at)]
            self._read_into(stream, rows, segment=segment, start=at)
            yield at, rows

    def _time_stamps(self, segment: int, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read the time stamps of increasing samples: one by one where they are far apart, else in passing over all."""
        stamps = np.empty(len(wanted), "<i8")
        if len(wanted) == 0:
            return stamps
        first, stop = int(wanted[0]), int(wanted[-1]) + 1
        with self._open() as stream:
            if (stop - first) * self._row.itemsize > len(wanted) * _BYTES_A_SINGLE_READ:
                offset = _offset_of(self._row, "timestamp")
                for index, sample in enumerate(wanted.tolist()):
                    read_into(stream, stamps[index : index + 1], self._byte(segment, sample) + offset, file=self.file)
                return stamps
            for at, rows in self._rows(stream, segment=segment, start=first, stop=stop):
                here = slice(*np.searchsorted(wanted, [at, at + len(rows)]))
                stamps[here] = rows["timestamp"][wanted[here] - at]
        return stamps

    def _read_into(self, stream: BinaryIO, rows: NDArray[Any], *, segment: int, start: int) -> None:
        read_into(stream, rows, self._byte(segment, start), file=self.file)

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        try:
            with self.file.open("rb", buffering=0) as stream:
                yield stream
        except OSError as error:
            raise RecordingError(
                f"{self.file}: expected a readable file, found: {error.strerror}. Check the disk and run again."
            ) from error


def open_samples(
    file: Path,
    *,
    channel_ids: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    kind: ChannelKind | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NsxSamples:
    """Open an NSx file of any specification.

    Parameters
    ----------
    file
        An ``.ns1`` to ``.ns6`` file.
    channel_ids, labels
        Which channels, in this order, by number or by label; all of the file if both are None.
    kind
        "electrode", "analog" or "other": looked for among these alone.
    progress
        Called with (done, total) bytes while a PTP file is passed over.

    Raises
    ------
    RecordingError
        The file cannot be read, or lacks a channel, or has it twice.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from closedloop.blackrock import NsxChannel, open_samples, write_nsx
    >>> channels = [NsxChannel(1, "elec1"), NsxChannel(2, "elec2")]
    >>> volts = np.arange(20, dtype=np.int16).reshape(10, 2)
    >>> start = datetime(2024, 5, 6, tzinfo=UTC)
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "day3.ns6"
    ...     write_nsx(file, channels, rate_hz=30_000, specification="2.3", chunks=[(0, volts)], start=start)
    ...     samples = open_samples(file, labels=["elec2"])
    ...     bits = samples.read(segment=0, start=2, stop=5)
    >>> bits.ravel().tolist(), float(samples.scale[0])
    ([5, 7, 9], 0.25)
    """
    header = read_nsx_header(file, progress=progress)
    columns = find_channels(header.channels, channel_ids=channel_ids, labels=labels, kind=kind, file=file)
    return NsxSamples(file, header, tuple(header.channels[column] for column in columns), columns)


def _pick(rows: NDArray[np.int16], columns: tuple[int, ...], *, out: NDArray[np.int16]) -> None:
    """Copy columns; those at equal distances as a slice, which is several times faster than one by one (measured)."""
    step = columns[1] - columns[0] if len(columns) > 1 else 1
    if step > 0 and columns and columns == tuple(range(columns[0], columns[-1] + 1, step)):
        out[:] = rows[:, columns[0] : columns[-1] + 1 : step]
    else:
        np.take(rows, columns, axis=1, out=out, mode="clip")  # the default mode makes a copy of `out` first


def _offset_of(row: np.dtype[np.void], name: str) -> int:
    return int(row.fields[name][1])  # type: ignore[index]
