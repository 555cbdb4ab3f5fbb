"""The head of an NSx file and the walk over its data blocks, checked before any sample is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np

from closedloop.errors import RecordingError
from closedloop.recording.header_fields import read_date, read_exactly, text
from closedloop.recording.nsx_layout import NSX_FILE_IDS, NSX_LAYOUTS, PERIOD_CLOCK_HZ, PTP_RESOLUTION, NsxLayout

_ELECTRODE_LABELS = ("elec", "chan")
_ANALOG_LABELS = ("ainp", "anal", "audio")


@dataclass(frozen=True)
class NsxChannel:
    """One column of an NSx file.

    The default ranges are the recorder's for neural signals: 0.25 uV a bit.
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
        """Units per bit."""
        return (self.analog_max - self.analog_min) / (self.digital_max - self.digital_min)

    @property
    def offset(self) -> float:
        """Units at bit zero."""
        return self.analog_min - self.digital_min * self.scale

    @property
    def is_electrode(self) -> bool:
        """Whether a contact of an array, not an analog input: the recorder's label decides, then the unit.

        Channel numbers do not tell: 129 is the first analog input of a 128-channel processor and an electrode of a
        256-channel one.
        """
        label = self.label.lower()
        if label.startswith(_ELECTRODE_LABELS + _ANALOG_LABELS):
            return label.startswith(_ELECTRODE_LABELS)
        return self.units.lower() in {"uv", "µv"}


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


@dataclass(frozen=True)
class NsxBlock:
    """A stretch of samples without a pause: the first sample's tick, the number of samples, their place in the file."""

    first_tick: int
    n_samples: int
    byte: int


@dataclass(frozen=True)
class NsxHeader:
    """What an NSx file says of itself."""

    specification: str
    label: str
    comment: str
    period: int
    tick_hz: int
    start: datetime | None
    channels: tuple[NsxChannel, ...]
    blocks: tuple[NsxBlock, ...]

    @property
    def rate_hz(self) -> float:
        """Samples per second."""
        return PERIOD_CLOCK_HZ / self.period

    @property
    def ticks_per_sample(self) -> int:
        """Ticks of the array's clock from one sample to the next."""
        return self.period * self.tick_hz // PERIOD_CLOCK_HZ


def read_nsx_header(file: Path) -> NsxHeader:
    """Read and check the head of an NSx file and every block header, but no sample.

    Raises
    ------
    RecordingError
        The file is missing, foreign, of a version outside the table, corrupt or truncated.
    """
    try:
        with file.open("rb") as stream:
            return _read(stream, file)
    except OSError as error:
        raise RecordingError(
            f"{file}: expected a readable file, found: {error.strerror}. Check the path and its permissions."
        ) from error


def _read(stream: BinaryIO, file: Path) -> NsxHeader:
    layout = _layout(stream, file)
    basic = np.frombuffer(
        read_exactly(stream, layout.basic_header.itemsize, file=file, what="the basic header"), layout.basic_header
    )[0]
    _check_basic(basic, layout, file)
    raw = read_exactly(
        stream, int(basic["n_channels"]) * layout.channel_header.itemsize, file=file, what="channel headers"
    )
    return NsxHeader(
        specification=layout.specification,
        label=text(basic["label"]),
        comment=text(basic["comment"]),
        period=int(basic["period"]),
        tick_hz=int(basic["resolution"]),
        start=read_date(basic),
        channels=tuple(_channel(row, file) for row in np.frombuffer(raw, layout.channel_header)),
        blocks=tuple(_walk_blocks(stream, basic, layout, file)),
    )


def _layout(stream: BinaryIO, file: Path) -> NsxLayout:
    """Choose the table's row from the first ten bytes, and rewind."""
    head = read_exactly(stream, 10, file=file, what="an NSx header")
    stream.seek(0)
    if head[:8] not in NSX_FILE_IDS:
        raise RecordingError(
            f"{file}: expected an NSx file (NEURALCD or BRSMPGRP), found {head[:8]!r}. Give an .ns1 to .ns6 file."
        )
    specification = "2.1" if head[:8] == b"NEURALSG" else f"{head[8]}.{head[9]}"
    layout = NSX_LAYOUTS.get(specification)
    if layout is None or layout.file_id != head[:8]:
        known = ", ".join(NSX_LAYOUTS)
        raise RecordingError(
            f"{file}: expected NSx specification {known}, found {specification} ({head[:8].decode()}). "
            "Convert the file with the recorder's tools."
        )
    return layout


def _check_basic(basic: np.void, layout: NsxLayout, file: Path) -> None:
    n_channels, period, tick_hz = int(basic["n_channels"]), int(basic["period"]), int(basic["resolution"])
    expected = layout.basic_header.itemsize + n_channels * layout.channel_header.itemsize
    if n_channels == 0 or int(basic["header_bytes"]) != expected:
        raise RecordingError(
            f"{file}: expected {expected} header bytes for {n_channels} channels (at least 1), "
            f"found {int(basic['header_bytes'])}. The header is corrupt: copy the file again."
        )
    if tick_hz == PTP_RESOLUTION:
        raise RecordingError(
            f"{file}: expected a clock in 1/30000 s, found the PTP variant (nanoseconds, one packet a sample). "
            "Record without PTP time stamps or convert the file with the recorder's tools."
        )
    if period == 0 or tick_hz == 0 or (period * tick_hz) % PERIOD_CLOCK_HZ:
        raise RecordingError(
            f"{file}: expected a whole number of ticks a sample, found period {period} at {tick_hz} ticks/s. "
            "The header is corrupt: copy the file again."
        )


def _channel(row: np.void, file: Path) -> NsxChannel:
    if row["tag"] != b"CC" or row["digital_min"] >= row["digital_max"]:
        raise RecordingError(
            f"{file}: expected a 'CC' channel header with a digital range, found {bytes(row['tag'])!r} with "
            f"{int(row['digital_min'])} to {int(row['digital_max'])}. The header is corrupt: copy the file again."
        )
    return NsxChannel(
        **{name: int(row[name]) for name in ("channel_id", "connector", "pin")},
        **{name: int(row[name]) for name in ("digital_min", "digital_max", "analog_min", "analog_max")},
        label=text(row["label"]),
        units=text(row["units"]),
        high_pass_hz=int(row["high_pass_mhz"]) / 1000,
        low_pass_hz=int(row["low_pass_mhz"]) / 1000,
    )


def _walk_blocks(stream: BinaryIO, basic: np.void, layout: NsxLayout, file: Path) -> list[NsxBlock]:
    blocks: list[NsxBlock] = []
    sample_bytes = 2 * int(basic["n_channels"])
    size = stream.seek(0, 2)
    at = int(basic["header_bytes"])
    while at < size:
        stream.seek(at)
        where = f"the header of data block {len(blocks)}"
        raw = read_exactly(stream, layout.block_header.itemsize, file=file, what=where)
        head = np.frombuffer(raw, layout.block_header)[0]
        block = NsxBlock(int(head["timestamp"]), int(head["n_samples"]), at + layout.block_header.itemsize)
        _check_block(
            block, flag=int(head["flag"]), index=len(blocks), held=(size - block.byte) // sample_bytes, file=file
        )
        blocks.append(block)
        at = block.byte + block.n_samples * sample_bytes
    return blocks


def _check_block(block: NsxBlock, *, flag: int, index: int, held: int, file: Path) -> None:
    if flag != 1:
        raise RecordingError(
            f"{file}: expected data block {index} to start with 1, found {flag}. The file is corrupt: copy it again."
        )
    if block.n_samples == 0 and held > 0:
        raise RecordingError(
            f"{file}: expected the number of samples of data block {index}, found 0 before {held} samples: "
            "the recorder stopped without closing the file. Repair it with the recorder's tools."
        )
    if block.n_samples > held:
        raise RecordingError(
            f"{file}: expected {block.n_samples} samples in data block {index}, found {held}. "
            "The file is truncated: copy it again."
        )
