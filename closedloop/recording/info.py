"""What is in a Blackrock file, told without reading its samples."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from closedloop.errors import RecordingError
from closedloop.recording.nev import read_nev
from closedloop.recording.nev_header import NevHeader, read_nev_header
from closedloop.recording.nev_layout import NEV_FILE_IDS
from closedloop.recording.nev_scan import scan_packets
from closedloop.recording.nsx_header import NsxHeader, read_nsx_header
from closedloop.recording.nsx_layout import NSX_FILE_IDS


@dataclass(frozen=True)
class ChannelInfo:
    """One channel: its number and label, and how bits become units (value = bit * scale + offset)."""

    channel_id: int
    label: str
    units: str
    scale: float
    offset: float
    is_electrode: bool


@dataclass(frozen=True)
class BlockInfo:
    """A stretch of samples without a pause."""

    first_tick: int
    first_s: float
    n_samples: int


@dataclass(frozen=True)
class EventCounts:
    """How many packets of each kind a NEV file holds."""

    n_spikes: dict[int, int]
    n_digital: int
    n_other: int
    n_out_of_order: int
    comments: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class RecordingInfo:
    """What is in a Blackrock file.

    `rate_hz` is the sampling rate (NSx) or None (NEV); `tick_hz` the clock of all ticks. `duration_s` is from the first
    sample to the end of the last block, pauses included (NSx), or from the first packet to the last (NEV).
    """

    file: str
    kind: Literal["nsx", "nev"]
    specification: str
    start: str | None
    rate_hz: float | None
    tick_hz: int
    duration_s: float
    channels: tuple[ChannelInfo, ...]
    blocks: tuple[BlockInfo, ...]
    events: EventCounts | None

    def to_json_dict(self) -> dict[str, Any]:
        """Give the same facts as dicts, lists, numbers and texts."""
        return asdict(self)


def read_info(file: Path) -> RecordingInfo:
    """Describe an NSx or NEV file from its headers (and, for NEV, one pass over its packets).

    Raises
    ------
    RecordingError
        The file is missing, foreign, of an unknown version, corrupt or truncated.
    """
    file_id = _file_id(file)
    if file_id in NSX_FILE_IDS:
        return _nsx_info(file, read_nsx_header(file))
    if file_id in NEV_FILE_IDS:
        return _nev_info(file, read_nev_header(file))
    raise RecordingError(
        f"{file}: expected a Blackrock file (NEURALCD, BRSMPGRP, NEURALEV or BREVENTS), found {file_id!r}. "
        "Give an .ns1 to .ns6 or .nev file."
    )


def _file_id(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(8)
    except OSError as error:
        raise RecordingError(
            f"{file}: expected a readable file, found: {error.strerror}. Check the path and its permissions."
        ) from error


def _nsx_info(file: Path, header: NsxHeader) -> RecordingInfo:
    channels = tuple(
        ChannelInfo(c.channel_id, c.label, c.units, c.scale, c.offset, c.is_electrode) for c in header.channels
    )
    blocks = tuple(BlockInfo(b.first_tick, b.first_tick / header.tick_hz, b.n_samples) for b in header.stretches)
    last_tick = header.stretches[-1].end_tick if blocks else 0
    return RecordingInfo(
        file=str(file),
        kind="nsx",
        specification=header.specification,
        start=None if header.start is None else header.start.isoformat(),
        rate_hz=header.rate_hz,
        tick_hz=header.tick_hz,
        duration_s=(last_tick - blocks[0].first_tick) / header.tick_hz if blocks else 0.0,
        channels=channels,
        blocks=blocks,
        events=None,
    )


def _nev_info(file: Path, header: NevHeader) -> RecordingInfo:
    scan = scan_packets(file, header)
    channels = tuple(
        ChannelInfo(e.electrode_id, e.label, "uV", e.nv_per_bit / 1000, 0.0, True) for e in header.electrodes
    )
    events = read_nev(file, spikes=False)
    times_s = (events.comments.tick / header.tick_hz).tolist()
    comments = tuple(zip(times_s, events.comments.text, strict=True))
    return RecordingInfo(
        file=str(file),
        kind="nev",
        specification=header.specification,
        start=None if header.start is None else header.start.isoformat(),
        rate_hz=None,
        tick_hz=header.tick_hz,
        duration_s=sum(run.last_tick - run.first_tick for run in scan.runs) / header.tick_hz,
        channels=channels,
        blocks=(),
        events=EventCounts(scan.n_spikes, scan.n_digital, scan.n_other, scan.n_out_of_order, comments),
    )
