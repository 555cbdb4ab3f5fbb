"""Samples of an NSx file: any part of any segment, in bounded memory.

Read with plain reads into a fresh buffer: neo maps the file into memory, whose pages count as ours and stay until the
map is closed, and gives no access to damaged files (docs/decisions/0008).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.channel_kinds import ChannelKind, uv_in
from closedloop.blackrock.header_fields import read_into, room_to_read
from closedloop.blackrock.nsx.channels import find_channels
from closedloop.blackrock.nsx.header import NsxChannel, NsxHeader, read_nsx_header
from closedloop.blackrock.nsx.runs import ticks_in_blocks
from closedloop.errors import RecordingError
from closedloop.recording.segments import BRIDGE_MS, Segment
from closedloop.recording.source import regular_ticks
from closedloop.storage import FilePart, is_failing_disk, reading, resolved

_BUFFER_BYTES = 1 << 19  # stays in the processor's cache while columns are picked out of it
_BYTES_A_SINGLE_READ = 8192  # in the time of one read of 8 bytes, a long read gets about as far (measured)
_SAMPLE = np.dtype("<i2")


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
    def uv(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Microvolts per bit, and at bit zero, by column; of an unknown unit, one."""
        factors = [uv_in(channel.units) or 1.0 for channel in self.channels]
        return (
            tuple(factor * channel.scale for factor, channel in zip(factors, self.channels, strict=True)),
            tuple(factor * channel.offset for factor, channel in zip(factors, self.channels, strict=True)),
        )

    @property
    def electrode_ids(self) -> tuple[int, ...]:
        """The recorder's numbers of the columns, where these are electrodes."""
        return tuple(channel.channel_id for channel in self.channels)

    def fingerprint(self) -> tuple[str, ...]:
        """Return what must be the same for the samples to be the same: the file as it is now, and its columns."""
        status = self.file.stat()
        file = (str(resolved(self.file)), status.st_size, status.st_mtime_ns)
        return repr(file), repr(self.header), repr(self.columns)

    def read(self, segment: int, start: int, stop: int) -> NDArray[np.int16]:
        """Read samples of one segment, in bits. See `SampleSource.read`.

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
        runs = self.header.runs
        recorded = [
            (run, first, end, first - int(runs.first_sample[run]))
            for run, first, end in runs.recorded(segment, start, stop)
        ]
        byte = self._byte(recorded[0][0], recorded[0][3]) if recorded else 0
        n_bytes = (stop - start) * self.n_channels * _SAMPLE.itemsize
        samples = room_to_read(n_bytes, byte).view(_SAMPLE).reshape(stop - start, self.n_channels)
        with self._open() as stream:
            for run, first, end, place in recorded:
                self._read_run(stream, run, place, out=samples[first - start : end - start])
            for run, first, end in runs.holes(segment, start, stop):
                line = self._line(stream, run, end - first)
                samples[max(first, start) - start : min(end, stop) - start] = line[max(start - first, 0) : stop - first]
        return samples

    def file_parts(self, segment: int, start: int, stop: int) -> tuple[FilePart, ...]:
        """Return what of the file `read` reads for samples start to stop of one segment.

        Parameters
        ----------
        segment
            Which segment, from 0.
        start, stop
            Samples of it, from 0.
        """
        runs, row_bytes, found = self.header.runs, self._row.itemsize, list[int]()
        for run, first, end in runs.recorded(segment, start, stop):
            place = first - int(runs.first_sample[run])
            found += [self._byte(run, place), self._byte(run, place + end - first)]
        for run, _, _ in runs.holes(segment, start, stop):
            last = int(runs.raw.n_samples[run]) - 1
            found += [self._byte(run, last), self._byte(run + 1, 0) + row_bytes]
        return (FilePart(self.file, min(found), max(found)),) if found else ()

    def bridged(self, segment: int, start: int, stop: int) -> NDArray[np.int64]:
        """Return samples that were not recorded. See `SampleSource.bridged`."""
        return self.header.runs.bridged(segment, start, stop)

    def ticks(self, segment: int, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Time samples of one segment by their index in it, any shape; a PTP file has a time stamp for each.

        In a bridged hole the clock runs on from the sample before.

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
            return ticks_in_blocks(self.header.runs, segment, sample, self.header.ticks_per_sample)
        wanted, place = np.unique(sample, return_inverse=True)
        return self._ticks_of_packets(segment, wanted)[place].reshape(sample.shape)

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

    def _byte(self, run: int, place: int) -> int:
        """Find where the row of a sample of a run starts."""
        row = self._row
        return int(self.header.runs.raw.first_byte[run]) - _offset_of(row, "samples") + place * row.itemsize

    def _read_run(self, stream: BinaryIO, run: int, place: int, *, out: NDArray[np.int16]) -> None:
        """Fill `out` with samples of a run from one on; columns are picked out of a small buffer of rows."""
        byte = self._byte(run, place)
        if self._is_whole_rows:
            read_into(stream, out, byte, file=self.file)
            return
        for at, rows in self._rows(stream, byte, len(out)):
            _pick(rows["samples"], self.columns, out=out[at : at + len(rows)])

    def _line(self, stream: BinaryIO, run: int, n_missing: int) -> NDArray[np.float64]:
        """Draw a line over the hole after a run, shape (n_missing, n_channels), from the samples on either side.

        It has no step, which the filter would answer with an artefact, and no spike that was not recorded.
        """
        sides = np.empty((2, 1, self.n_channels), "<i2")
        self._read_run(stream, run, int(self.header.runs.raw.n_samples[run]) - 1, out=sides[0])
        self._read_run(stream, run + 1, 0, out=sides[1])
        share = np.arange(1, n_missing + 1)[:, None] / (n_missing + 1)
        return np.asarray(np.round(sides[0] + share * (sides[1].astype(np.float64) - sides[0])))

    def _rows(self, stream: BinaryIO, byte: int, n_rows: int) -> Iterator[tuple[int, NDArray[np.void]]]:
        """Read rows buffer by buffer, each with the place of its first; the next read overwrites the last."""
        row_bytes = self._row.itemsize
        n_at_once = min(max(_BUFFER_BYTES // row_bytes, 1), n_rows)
        buffer = room_to_read(n_at_once * row_bytes, byte).view(self._row)
        for at in range(0, n_rows, max(len(buffer), 1)):
            rows = buffer[: min(len(buffer), n_rows - at)]
            read_into(stream, rows, byte + at * row_bytes, file=self.file)
            yield at, rows

    def _ticks_of_packets(self, segment: int, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Time increasing samples of a PTP file by their own time stamps, in a hole by the one before it."""
        runs = self.header.runs
        run, place = runs.place(segment, wanted)
        beyond = np.maximum(place - (runs.raw.n_samples[run] - 1), 0)
        byte = runs.raw.first_byte[run] - _offset_of(self._row, "samples") + (place - beyond) * self._row.itemsize
        tick = np.maximum(self._time_stamps(byte), runs.least_tick[run])
        return np.asarray(tick + regular_ticks(0, beyond, self.header.ticks_per_sample))

    def _time_stamps(self, byte: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read the time stamps of packets that start at increasing bytes: one by one where they are far apart.

        Else all rows between the first and the last are passed over.
        """
        stamps = np.empty(len(byte), "<i8")
        if len(byte) == 0:
            return stamps
        row_bytes, first = self._row.itemsize, int(byte[0])
        span = int(byte[-1]) + row_bytes - first
        with self._open() as stream:
            if span > len(byte) * _BYTES_A_SINGLE_READ:
                offset = _offset_of(self._row, "timestamp")
                for index, at in enumerate(byte.tolist()):
                    read_into(stream, stamps[index : index + 1], at + offset, file=self.file)
                return stamps
            row = (byte - first) // row_bytes
            for at, rows in self._rows(stream, first, span // row_bytes):
                here = slice(*np.searchsorted(row, [at, at + len(rows)]))
                stamps[here] = rows["timestamp"][row[here] - at]
        return stamps

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        try:
            with self.file.open("rb", buffering=0) as stream:
                yield stream
        except OSError as error:
            if is_failing_disk(error):
                with reading(self.file):
                    raise
            raise RecordingError(
                f"{self.file}: expected a readable file, found: {error.strerror}. Check the disk and run again."
            ) from error


def open_samples(
    file: Path,
    *,
    channel_ids: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    kind: ChannelKind | None = None,
    bridge_ms: float = BRIDGE_MS,
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
    bridge_ms
        A hole of at most so many milliseconds ends no segment.
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
    header = read_nsx_header(file, bridge_ms=bridge_ms, progress=progress)
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
