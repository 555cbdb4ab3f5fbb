"""Write NSx files chunk by chunk: the simulated array's recorder, and files for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.chunks import Chunk
from closedloop.recording.header_fields import write_date
from closedloop.recording.nsx_header import NsxChannel
from closedloop.recording.nsx_layout import NSX_LAYOUTS, PERIOD_CLOCK_HZ, NsxLayout


def write_nsx(
    file: Path,
    channels: Sequence[NsxChannel],
    *,
    rate_hz: float,
    specification: str,
    chunks: Iterable[Chunk],
    start: datetime,
    label: str = "",
    comment: str = "",
) -> None:
    """Write samples as they come; only one chunk is in memory.

    A chunk that continues the one before (its first tick is where that one ended) joins its data block; any later
    tick opens a new block, which is how the recorder stores a pause.

    Parameters
    ----------
    file
        The file to write; an existing one is replaced.
    channels
        The columns.
    rate_hz
        Samples per second; 30000 divided by a whole number.
    specification
        "2.2", "2.3" or "3.0".
    chunks
        Pairs of first tick (1/30000 s) and int16 samples, shape (n_samples, n_channels), in time order.
    start
        Date and time of the recording; without a zone, UTC.
    label, comment
        Header texts, at most 16 and 256 ASCII characters.

    Raises
    ------
    ValueError
        A rate, version, chunk or text that the format cannot hold.
    """
    layout = _layout(specification)
    header = _basic_header(layout, len(channels), rate_hz=rate_hz, start=start, label=label, comment=comment)
    with file.open("wb") as stream:
        stream.write(header.tobytes())
        stream.write(_channel_headers(layout, channels).tobytes())
        _write_blocks(stream, layout, chunks, n_channels=len(channels), step=int(header["period"][0]))


def _layout(specification: str) -> NsxLayout:
    if specification not in NSX_LAYOUTS:
        raise ValueError(f"NSx specification must be one of {', '.join(NSX_LAYOUTS)}, not {specification!r}")
    return NSX_LAYOUTS[specification]


def _basic_header(
    layout: NsxLayout, n_channels: int, *, rate_hz: float, start: datetime, label: str, comment: str
) -> NDArray[np.void]:
    period = round(PERIOD_CLOCK_HZ / rate_hz)
    if n_channels < 1 or period < 1 or PERIOD_CLOCK_HZ / period != rate_hz:
        raise ValueError(f"need at least one channel and 30000 / rate_hz whole, not {n_channels} and {rate_hz}")
    header = np.zeros(1, layout.basic_header)
    header["file_id"] = layout.file_id
    header["major"], header["minor"] = (int(part) for part in layout.specification.split("."))
    header["header_bytes"] = layout.basic_header.itemsize + n_channels * layout.channel_header.itemsize
    header["label"], header["comment"] = encoded(label, 16), encoded(comment, 256)
    header["period"], header["resolution"], header["n_channels"] = period, PERIOD_CLOCK_HZ, n_channels
    write_date(header[0], start)
    return header


def _channel_headers(layout: NsxLayout, channels: Sequence[NsxChannel]) -> NDArray[np.void]:
    headers = np.zeros(len(channels), layout.channel_header)
    headers["tag"] = b"CC"
    for name in ("channel_id", "connector", "pin", "digital_min", "digital_max", "analog_min", "analog_max"):
        headers[name] = [getattr(channel, name) for channel in channels]
    headers["label"] = [encoded(channel.label, 16) for channel in channels]
    headers["units"] = [encoded(channel.units, 16) for channel in channels]
    headers["high_pass_mhz"] = [round(channel.high_pass_hz * 1000) for channel in channels]
    headers["low_pass_mhz"] = [round(channel.low_pass_hz * 1000) for channel in channels]
    headers["high_pass_order"], headers["high_pass_type"] = 1, 1  # 1 is Butterworth
    headers["low_pass_order"], headers["low_pass_type"] = 3, 1
    return headers


def encoded(value: str, n_bytes: int, encoding: str = "ascii") -> bytes:
    """Encode a text, refusing what would be cut.

    Headers are ASCII: neo takes them for UTF-8, other readers for Latin-1.

    Raises
    ------
    ValueError
        The text is longer than the field or outside the encoding.
    """
    data = value.encode(encoding)
    if len(data) > n_bytes:
        raise ValueError(f"the text {value!r} has {len(data)} bytes, the field {n_bytes}")
    return data


def _write_blocks(stream: BinaryIO, layout: NsxLayout, chunks: Iterable[Chunk], *, n_channels: int, step: int) -> None:
    header_at, n_samples, next_tick = -1, 0, -1
    for first_tick, samples in chunks:
        if len(samples) == 0:
            continue
        _check_chunk(first_tick, samples, n_channels=n_channels, next_tick=next_tick)
        if first_tick != next_tick:
            _close_block(stream, layout, header_at, n_samples)
            header_at, n_samples = _open_block(stream, layout, first_tick), 0
        stream.write(np.ascontiguousarray(samples, "<i2").data)
        n_samples += len(samples)
        next_tick = first_tick + len(samples) * step
    _close_block(stream, layout, header_at, n_samples)


def _check_chunk(first_tick: int, samples: NDArray[np.int16], *, n_channels: int, next_tick: int) -> None:
    if samples.dtype != np.int16 or samples.ndim != 2 or samples.shape[1] != n_channels:
        raise ValueError(f"a chunk must be int16 (n, {n_channels}), not {samples.dtype} {samples.shape}")
    if first_tick < max(next_tick, 0):
        raise ValueError(f"a chunk starts at tick {first_tick}, before {max(next_tick, 0)}")


def _open_block(stream: BinaryIO, layout: NsxLayout, first_tick: int) -> int:
    if first_tick > layout.largest_tick:
        raise ValueError(f"tick {first_tick} does not fit specification {layout.specification}")
    at = stream.tell()
    header = np.zeros(1, layout.block_header)
    header["flag"], header["timestamp"] = 1, first_tick
    stream.write(header.tobytes())
    return at


def _close_block(stream: BinaryIO, layout: NsxLayout, header_at: int, n_samples: int) -> None:
    """Fill in the number of samples, which is known only now."""
    if header_at < 0:
        return
    end = stream.tell()
    stream.seek(header_at + layout.block_header.fields["n_samples"][1])  # type: ignore[index]
    stream.write(np.array(n_samples, "<u4").tobytes())
    stream.seek(end)
