"""Write NSx files of every specification chunk by chunk: the simulated array's recorder, and files for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.header_fields import encode_text, write_date
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.layout import NSX_LAYOUTS, PTP_TICK_HZ, NsxLayout, period_clock_hz
from closedloop.recording.source import regular_ticks
from closedloop.storage import atomic_stream

WrittenChunk: TypeAlias = tuple[int | NDArray[np.int64], NDArray[np.int16]]
"""First tick, or (PTP) the tick of each sample; samples, shape (n_samples, n_channels), in bits."""

_CLOCKS_HZ = (30_000, 25_000, 20_000, PTP_TICK_HZ)
_MOST_SAMPLES = np.iinfo(np.uint32).max  # of a block


def write_nsx(
    file: Path,
    channels: Sequence[NsxChannel],
    *,
    rate_hz: float,
    specification: str,
    chunks: Iterable[WrittenChunk],
    start: datetime,
    tick_hz: int | None = None,
    label: str = "",
    comment: str = "",
) -> None:
    """Write samples as they come; only one chunk is in memory.

    A chunk that continues the one before (its first tick is where that one ended) joins its data block; any other tick
    opens a new block, which is how the recorder stores a pause (a later one) and a reset of its clock (an earlier
    one). A PTP file has no blocks but a tick for every sample, so that drift, gaps and jumps are in the ticks given.

    Parameters
    ----------
    file
        The file to write; an existing one is replaced.
    channels
        The columns; 2.1 keeps their numbers alone.
    rate_hz
        Samples per second: 30000 divided by a whole number; or 20000, or 25000, of a clock of that rate.
    specification
        "2.1", "2.2", "2.3", "3.0" or "3.0-ptp".
    chunks
        Pairs of first tick and int16 samples, shape (n_samples, n_channels). For 3.0-ptp the tick of every sample,
        shape (n_samples,), may stand in place of the first. 2.1 holds one run of samples from tick 0.
    start
        Date and time of the recording; without a zone, UTC. 2.1 has no place for it.
    tick_hz
        Ticks per second, if not the usual 30000 (3.0-ptp: 1e9; at 20 and 25 kHz the rate); 2.1 and
        3.0-ptp have no choice.
    label, comment
        Header texts, at most 16 and 256 ASCII characters.

    Raises
    ------
    ValueError
        A rate, version, chunk or text that the format cannot hold.
    StorageError
        The disk is full or the folder cannot be written.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from closedloop.blackrock import NsxChannel, read_info, write_nsx
    >>> channels = [NsxChannel(1, "elec1"), NsxChannel(2, "elec2")]
    >>> second = np.zeros((30_000, 2), np.int16)
    >>> start = datetime(2024, 5, 6, tzinfo=UTC)
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "day3.ns6"
    ...     chunks = [(0, second), (90_000, second)]  # the recorder paused for two seconds
    ...     write_nsx(file, channels, rate_hz=30_000, specification="2.3", chunks=chunks, start=start)
    ...     [(block.t0_s, block.duration_s) for block in read_info(file).blocks]
    [(0.0, 1.0), (3.0, 1.0)]
    """
    layout = _layout(specification)
    clock_hz = _usual_clock(layout, rate_hz) if tick_hz is None else tick_hz
    _check_clock(layout, clock_hz)
    header = _basic_header(layout, channels, rate_hz=rate_hz, tick_hz=clock_hz)
    _fill_texts(header, start=start, label=label, comment=comment)
    step = Fraction(int(header["period"][0]) * clock_hz, period_clock_hz(clock_hz))
    with atomic_stream(file) as stream:
        stream.write(header.tobytes())
        stream.write(_channel_headers(layout, channels).tobytes())
        if layout.one_sample_a_block:
            _write_packets(stream, layout, chunks, n_channels=len(channels), step=step)
        elif layout.block_header is None:
            _write_one_run(stream, chunks, n_channels=len(channels), step=step)
        else:
            _write_blocks(stream, layout, chunks, n_channels=len(channels), step=step)


def _layout(specification: str) -> NsxLayout:
    if specification not in NSX_LAYOUTS:
        raise ValueError(f"NSx specification must be one of {', '.join(NSX_LAYOUTS)}, not {specification!r}")
    return NSX_LAYOUTS[specification]


def _usual_clock(layout: NsxLayout, rate_hz: float) -> int:
    """Choose a version's usual clock, or a slower one for a rate that does not divide it: 20 or 25 kHz."""
    if layout.one_sample_a_block or layout.version is None or layout.tick_hz % rate_hz == 0:
        return layout.tick_hz
    return int(rate_hz) if rate_hz in _CLOCKS_HZ else layout.tick_hz


def _check_clock(layout: NsxLayout, tick_hz: int) -> None:
    if tick_hz not in _CLOCKS_HZ:
        raise ValueError(f"the clock must have {', '.join(map(str, _CLOCKS_HZ))} ticks a second, not {tick_hz}")
    if tick_hz != layout.tick_hz and (layout.one_sample_a_block or layout.block_header is None):
        raise ValueError(f"specification {layout.specification} has {layout.tick_hz} ticks a second, not {tick_hz}")


def _basic_header(
    layout: NsxLayout, channels: Sequence[NsxChannel], *, rate_hz: float, tick_hz: int
) -> NDArray[np.void]:
    clock_hz = period_clock_hz(tick_hz)
    period = round(clock_hz / rate_hz)
    if len(channels) < 1 or period < 1 or clock_hz / period != rate_hz:
        raise ValueError(f"need at least one channel and {clock_hz} / rate_hz whole, not {len(channels)} and {rate_hz}")
    header = np.zeros(1, layout.basic_header)
    header["file_id"], header["period"], header["n_channels"] = layout.file_id, period, len(channels)
    if layout.version is not None:
        header["major"], header["minor"] = layout.version
        header["header_bytes"] = layout.basic_header.itemsize + len(channels) * layout.channel_header.itemsize
        header["resolution"] = tick_hz
    return header


def _fill_texts(header: NDArray[np.void], *, start: datetime, label: str, comment: str) -> None:
    """Write what a version has room for: 2.1 has neither comment nor date."""
    header["label"] = encode_text(label, 16)
    if "comment" in (header.dtype.names or ()):
        header["comment"] = encode_text(comment, 256)
        write_date(header[0], start)


def _channel_headers(layout: NsxLayout, channels: Sequence[NsxChannel]) -> NDArray[np.void]:
    headers = np.zeros(len(channels), layout.channel_header)
    if layout.version is None:
        headers["channel_id"] = [channel.channel_id for channel in channels]
        return headers
    headers["tag"] = b"CC"
    for name in ("channel_id", "connector", "pin", "digital_min", "digital_max", "analog_min", "analog_max"):
        headers[name] = [getattr(channel, name) for channel in channels]
    headers["label"] = [encode_text(channel.label, 16) for channel in channels]
    headers["units"] = [encode_text(channel.units, 16) for channel in channels]
    headers["high_pass_mhz"] = [round(channel.high_pass_hz * 1000) for channel in channels]
    headers["low_pass_mhz"] = [round(channel.low_pass_hz * 1000) for channel in channels]
    headers["high_pass_order"], headers["high_pass_type"] = 1, 1  # 1 is Butterworth
    headers["low_pass_order"], headers["low_pass_type"] = 3, 1
    return headers


@dataclass
class _OpenBlock:
    """The block that is being written: where its header stands, its first tick, its samples so far."""

    header_at: int
    first_tick: int
    n_samples: int = 0

    def next_tick(self, step: Fraction) -> int:
        """Return the tick of a sample that would continue the block."""
        return int(regular_ticks(self.first_tick, np.array(self.n_samples), step))


def _write_blocks(
    stream: BinaryIO, layout: NsxLayout, chunks: Iterable[WrittenChunk], *, n_channels: int, step: Fraction
) -> None:
    block: _OpenBlock | None = None
    for tick, samples in chunks:
        _check_samples(samples, n_channels=n_channels)
        first_tick = _first_tick(tick)
        if len(samples) == 0:
            continue
        if block is None or first_tick != block.next_tick(step):
            _close_block(stream, layout, block)
            block = _open_block(stream, layout, first_tick)
        stream.write(np.ascontiguousarray(samples, "<i2").data)
        block.n_samples += len(samples)
    _close_block(stream, layout, block)


def _write_one_run(stream: BinaryIO, chunks: Iterable[WrittenChunk], *, n_channels: int, step: Fraction) -> None:
    """Write samples without a header between them (2.1)."""
    run = _OpenBlock(header_at=-1, first_tick=0)
    for tick, samples in chunks:
        _check_samples(samples, n_channels=n_channels)
        if _first_tick(tick) != run.next_tick(step):
            raise ValueError(f"specification 2.1 has no pauses: a chunk starts at {tick}, not {run.next_tick(step)}")
        stream.write(np.ascontiguousarray(samples, "<i2").data)
        run.n_samples += len(samples)


def _write_packets(
    stream: BinaryIO, layout: NsxLayout, chunks: Iterable[WrittenChunk], *, n_channels: int, step: Fraction
) -> None:
    for tick, samples in chunks:
        _check_samples(samples, n_channels=n_channels)
        packets = np.zeros(len(samples), layout.packet(n_channels))
        packets["flag"], packets["n_samples"], packets["samples"] = 1, 1, samples
        ticks = tick if isinstance(tick, np.ndarray) else regular_ticks(tick, np.arange(len(samples)), step)
        if ticks.shape != (len(samples),) or (len(ticks) and int(ticks.min()) < 0):
            raise ValueError(f"need a tick from 0 up for each of {len(samples)} samples, not shape {ticks.shape}")
        packets["timestamp"] = ticks
        stream.write(packets.tobytes())


def _check_samples(samples: NDArray[Any], *, n_channels: int) -> None:
    if samples.dtype != np.int16 or samples.ndim != 2 or samples.shape[1] != n_channels:
        raise ValueError(f"a chunk must be int16 (n, {n_channels}), not {samples.dtype} {samples.shape}")


def _first_tick(tick: int | NDArray[np.int64]) -> int:
    if isinstance(tick, np.ndarray):
        raise ValueError("ticks of single samples fit specification 3.0-ptp alone")
    return tick


def _open_block(stream: BinaryIO, layout: NsxLayout, first_tick: int) -> _OpenBlock:
    if not 0 <= first_tick <= layout.largest_tick:
        raise ValueError(f"tick {first_tick} does not fit specification {layout.specification}")
    at = stream.tell()
    header = np.zeros(1, layout.block_header)
    header["flag"], header["timestamp"] = 1, first_tick
    stream.write(header.tobytes())
    return _OpenBlock(at, first_tick)


def _close_block(stream: BinaryIO, layout: NsxLayout, block: _OpenBlock | None) -> None:
    """Fill in the number of samples, which is known only now."""
    if block is None or layout.block_header is None:
        return
    if block.n_samples > _MOST_SAMPLES:
        raise ValueError(f"a block holds at most {_MOST_SAMPLES} samples, not {block.n_samples}")
    end = stream.tell()
    stream.seek(block.header_at + layout.block_header.fields["n_samples"][1])  # type: ignore[index]
    stream.write(np.array(block.n_samples, "<u4").tobytes())
    stream.seek(end)
