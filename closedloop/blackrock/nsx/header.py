"""The head of an NSx file: its headers, checked, and where its samples lie.

Everything is read by our own lines, healthy files too: whether a file is healthy is known only after a walk over all
its blocks, and neo fails on, or drops samples of, truncated and crashed files, resets, PTP gaps and 2.1
(docs/decisions/0008).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np

from closedloop.blackrock.channel_kinds import ChannelKind, kind_by, uv_in
from closedloop.blackrock.header_fields import read_date, read_exactly, readable, report_date, text
from closedloop.blackrock.nsx.blocks import one_block, walk_blocks
from closedloop.blackrock.nsx.layout import NSX_FILE_IDS, NSX_LAYOUTS, PTP_TICK_HZ, NsxLayout, period_clock_hz
from closedloop.blackrock.nsx.packets import has_a_header_for_each_sample, walk_packets
from closedloop.blackrock.nsx.runs import FileRuns
from closedloop.blackrock.nsx.walk import DataPart, FoundData
from closedloop.errors import RecordingError
from closedloop.recording.segments import BRIDGE_MS, Segment

_LONGEST_PERIOD = 30_000  # one sample a second; the recorder's slowest is 500 a second
_ELECTRODES_OF_2_1 = 128
_MOST_CHANNELS = 32_768  # the files of later recorders number them in 16 bits


@dataclass(frozen=True)
class NsxChannel:
    """One column of an NSx file.

    The default ranges are the recorder's for neural signals: 0.25 uV a bit.

    Examples
    --------
    >>> from closedloop.blackrock import NsxChannel
    >>> NsxChannel(1, "elec1").scale  # uV a bit
    0.25
    >>> NsxChannel(129, "ainp1", units="mV").is_electrode
    False
    """

    channel_id: int
    label: str
    units: str = "uV"
    digital_min: int = -32764
    digital_max: int = 32764
    analog_min: int = -8191
    analog_max: int = 8191
    connector: int = 0
    pin: int = 0
    high_pass_hz: float = 0.3
    low_pass_hz: float = 7500.0

    @property
    def scale(self) -> float:
        """Units per bit; 0 where the header gives none."""
        bits = self.digital_max - self.digital_min
        return (self.analog_max - self.analog_min) / bits if bits > 0 else 0.0

    @property
    def uv_per_bit(self) -> float | None:
        """The same in uV; None where the unit is no voltage or there is no scale."""
        factor = uv_in(self.units)
        return self.scale * factor if factor is not None and self.scale else None

    @property
    def offset(self) -> float:
        """Units at bit zero."""
        return self.analog_min - self.digital_min * self.scale

    @property
    def kind(self) -> ChannelKind:
        """What it is: the recorder's label decides, then unit and range.

        Its number alone seldom does: 129 is the first analog input of a 128-channel processor and an electrode of a
        256-channel one.
        """
        return kind_by(
            self.channel_id,
            self.label,
            self.units,
            digital_range=(self.digital_min, self.digital_max),
            analog_range=(self.analog_min, self.analog_max),
        )

    @property
    def is_electrode(self) -> bool:
        """Whether a contact of an array."""
        return self.kind == "electrode"


def analog_input(channel_id: int, label: str) -> NsxChannel:
    """Describe an analog input at the recorder's default range, +-5 V in 16 bits (a photodiode, an eye position)."""
    return NsxChannel(
        channel_id,
        label,
        units="mV",
        digital_min=-32767,
        digital_max=32767,
        analog_min=-5000,
        analog_max=5000,
        high_pass_hz=0.0,
    )


def unscaled_channel(channel_id: int) -> NsxChannel:
    """Describe a channel of a 2.1 file, which holds its number only: bits have no unit, the number gives the name.

    The recorder of that time had electrodes 1 to 128 and analog inputs from 129; the labels are those that neo gives.
    The scale stands in the NEV file of the same recording.
    """
    is_electrode = channel_id <= _ELECTRODES_OF_2_1
    label = f"chan{channel_id}" if is_electrode else f"ainp{channel_id - _ELECTRODES_OF_2_1}"
    return NsxChannel(channel_id, label, units="", digital_min=-1, digital_max=1, analog_min=-1, analog_max=1)


@dataclass(frozen=True)
class NsxHeader:
    """The headers of an NSx file, and where its samples lie.

    Attributes
    ----------
    specification
        "2.1", "2.2", "2.3", "3.0" or "3.0-ptp".
    period
        Samples come every `period` / 30000 s, or every `period` ticks of a clock that is slower than that.
    start
        Date and time; None where the file has none (2.1) or the recorder's clock was not set.
    segments
        Uninterrupted segments in the file's order.
    repairs
        One sentence for each thing that was repaired or had to be left out.
    lost
        Those of them that say what is cut or had to be left out.
    layout
        The version's row of the table.
    bridge_ms
        Holes of at most so many milliseconds were bridged.
    runs
        Where the samples of each segment lie in the file.
    """

    specification: str
    label: str
    comment: str
    period: int
    tick_hz: int
    start: datetime | None
    channels: tuple[NsxChannel, ...]
    segments: tuple[Segment, ...]
    repairs: tuple[str, ...]
    lost: tuple[str, ...]
    layout: NsxLayout
    bridge_ms: float
    runs: FileRuns = field(repr=False, compare=False)

    @property
    def rate_hz(self) -> float:
        """Nominal samples per second."""
        return period_clock_hz(self.tick_hz) / self.period

    @property
    def ticks_per_sample(self) -> Fraction:
        """Nominal ticks of the recorder's clock from one sample to the next."""
        return Fraction(self.period * self.tick_hz, period_clock_hz(self.tick_hz))


def read_nsx_header(
    file: Path, *, bridge_ms: float = BRIDGE_MS, progress: Callable[[int, int], None] | None = None
) -> NsxHeader:
    """Read and check the head of an NSx file and walk over its blocks.

    No sample is read, but for a PTP file, whose time stamps stand between the samples: the walk passes over all of it,
    in bounded memory.

    Parameters
    ----------
    file
        The file.
    bridge_ms
        A hole of at most so many milliseconds ends no segment.
    progress
        Called with (done, total) bytes during that walk.

    Raises
    ------
    RecordingError
        The file is missing, foreign, of a version outside the table, its headers are corrupt, or no sample can be
        saved.
    """
    with readable(file), file.open("rb") as stream:
        return _read(stream, file, bridge_ms, progress)


def _read(stream: BinaryIO, file: Path, bridge_ms: float, progress: Callable[[int, int], None] | None) -> NsxHeader:
    layout = _layout(stream, file)
    raw = read_exactly(stream, layout.basic_header.itemsize, file=file, what="the basic header")
    basic = np.frombuffer(raw, layout.basic_header)[0]
    tick_hz = int(basic["resolution"]) if _has(basic, "resolution") else layout.tick_hz
    _check_basic(basic, layout, tick_hz=tick_hz, file=file)
    n_channels, period = int(basic["n_channels"]), int(basic["period"])
    raw = read_exactly(stream, n_channels * layout.channel_header.itemsize, file=file, what="channel headers")
    part = DataPart(
        file=file,
        layout=layout,
        first_byte=stream.tell(),
        size=stream.seek(0, 2),
        n_channels=n_channels,
        ticks_per_sample=Fraction(period * tick_hz, period_clock_hz(tick_hz)),
        tick_hz=tick_hz,
        bridge_ms=bridge_ms,
    )
    found_layout, data = _walk(stream, part, progress)
    channels = tuple(_channel(row, file) for row in np.frombuffer(raw, layout.channel_header))
    return NsxHeader(
        specification=found_layout.specification,
        label=text(basic["label"]),
        comment=text(basic["comment"]) if _has(basic, "comment") else "",
        period=period,
        tick_hz=tick_hz,
        start=read_date(basic) if _has(basic, "year") else None,
        channels=channels,
        segments=data.segments,
        repairs=data.repairs + _report_dead(channels) + (report_date(basic) if _has(basic, "year") else ()),
        lost=data.lost,
        layout=found_layout,
        bridge_ms=bridge_ms,
        runs=data.runs,
    )


def _has(row: np.void, name: str) -> bool:
    return name in (row.dtype.names or ())


def _layout(stream: BinaryIO, file: Path) -> NsxLayout:
    """Choose the table's row from the first ten bytes, and rewind; 3.0 and its PTP variant differ only later."""
    head = read_exactly(stream, 10, file=file, what="an NSx header")
    stream.seek(0)
    if head[:8] not in NSX_FILE_IDS:
        raise RecordingError(
            f"{file}: expected an NSx file (NEURALSG, NEURALCD or BRSMPGRP), found {head[:8]!r}. "
            "Give an .ns1 to .ns6 file."
        )
    for layout in NSX_LAYOUTS.values():
        if layout.file_id == head[:8] and layout.version in (None, tuple(head[8:])):
            return layout
    raise RecordingError(
        f"{file}: expected NSx specification {', '.join(NSX_LAYOUTS)}, found {head[8]}.{head[9]} "
        f"({head[:8].decode()}). Convert the file with the recorder's tools."
    )


def _walk(stream: BinaryIO, part: DataPart, progress: Callable[[int, int], None] | None) -> tuple[NsxLayout, FoundData]:
    """Find the segments by the way in which this version stores its samples."""
    if part.layout.block_header is None:
        return part.layout, one_block(part)
    if part.tick_hz == PTP_TICK_HZ and has_a_header_for_each_sample(stream, part):
        return NSX_LAYOUTS["3.0-ptp"], walk_packets(stream, part, progress=progress)
    return part.layout, walk_blocks(stream, part)


def _check_basic(basic: np.void, layout: NsxLayout, *, tick_hz: int, file: Path) -> None:
    n_channels, period = int(basic["n_channels"]), int(basic["period"])
    expected = layout.basic_header.itemsize + n_channels * layout.channel_header.itemsize
    found = int(basic["header_bytes"]) if _has(basic, "header_bytes") else expected
    if n_channels == 0 or found != expected:
        raise RecordingError(
            f"{file}: expected {expected} header bytes for {n_channels} channels (at least 1), found {found}. "
            "The header is corrupt: copy the file again."
        )
    if n_channels > _MOST_CHANNELS:
        raise RecordingError(
            f"{file}: expected at most {_MOST_CHANNELS} channels, found {n_channels}. The header is corrupt: copy the "
            "file again."
        )
    in_range = 1 <= period <= _LONGEST_PERIOD and 1 <= tick_hz <= PTP_TICK_HZ
    if not in_range or Fraction(period * tick_hz, period_clock_hz(tick_hz)).denominator not in (1, 3):
        raise RecordingError(
            f"{file}: expected a sample at least every second and whole ticks, found period {period} (in 1/30000 s) "
            f"at {tick_hz} ticks/s. The header is corrupt: copy the file again."
        )


def _channel(row: np.void, file: Path) -> NsxChannel:
    if not _has(row, "tag"):
        return unscaled_channel(int(row["channel_id"]))
    if row["tag"] != b"CC":
        raise RecordingError(
            f"{file}: expected a 'CC' channel header, found {bytes(row['tag'])!r}. "
            "The header is corrupt: copy the file again."
        )
    return NsxChannel(
        **{name: int(row[name]) for name in ("channel_id", "connector", "pin")},
        **{name: int(row[name]) for name in ("digital_min", "digital_max", "analog_min", "analog_max")},
        label=text(row["label"]),
        units=text(row["units"]),
        high_pass_hz=int(row["high_pass_mhz"]) / 1000,
        low_pass_hz=int(row["low_pass_mhz"]) / 1000,
    )


def _report_dead(channels: Sequence[NsxChannel]) -> tuple[str, ...]:
    """Say which channels have no scale; a file in which none has one is corrupt, which its reader finds out."""
    return tuple(
        f"channel {one.channel_id} {one.label} has no scale (digital range {one.digital_min} to {one.digital_max}) "
        "and was left out"
        for one in channels
        if one.digital_min >= one.digital_max
    )
