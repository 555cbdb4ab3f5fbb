"""The head of a NEV file: which specification, which electrodes, how many packets of which size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.channel_kinds import is_contact
from closedloop.blackrock.header_fields import read_date, read_exactly, readable, report_date, text
from closedloop.blackrock.nev.layout import (
    EXTENDED_HEADER,
    FILTER_HEADER,
    LABEL_HEADER,
    NEV_FILE_IDS,
    NEV_LAYOUTS,
    WAVEFORM_HEADER,
    WAVEFORMS_ARE_INT16,
    NevLayout,
)
from closedloop.errors import RecordingError

_DESCRIBED = (b"NEUEVWAV", b"NEUEVLBL", b"NEUEVFLT")
_INT16_BYTES = 2
_RESOLUTION_AT = 20
# Central stores 152592.547 nV a bit, the scale of an analog input, in 16 bits (NPMK openNEV.m, neo do the same).
_OVERFLOWN_NV_PER_BIT, _ANALOG_INPUT_NV_PER_BIT = 21516, 152592.547
_LARGEST_PACKET = 1 << 19  # bytes; the widest waveform, 65535 samples of 4 bytes, needs half of it
_MOST_EXTENDED = 4 * 32_767  # headers: waveform, label, filters of every channel id, and others
_WIDEST = 1024  # samples; no recorder writes a tenth of a second of waveform: memory that was never filled in


@dataclass(frozen=True)
class NevElectrode:
    """One recorded contact, or another channel with spikes, as the extended headers describe it.

    `bytes_per_sample` and `waveform_samples` are its spike waveforms' (None: as many as a packet holds).

    Examples
    --------
    >>> from closedloop.blackrock import NevElectrode
    >>> NevElectrode(7, "elec7").nv_per_bit  # of its waveforms
    250
    """

    electrode_id: int
    label: str
    nv_per_bit: int = 250
    connector: int = 0
    pin: int = 0
    low_threshold: int = 0
    high_pass_hz: float = 250.0
    low_pass_hz: float = 5000.0
    bytes_per_sample: int = 2
    waveform_samples: int | None = None

    @property
    def uv_per_bit(self) -> float:
        """Scale of its waveforms, uV; 0 where the header has none."""
        if self.nv_per_bit == _OVERFLOWN_NV_PER_BIT:
            return _ANALOG_INPUT_NV_PER_BIT / 1000
        return self.nv_per_bit / 1000


@dataclass(frozen=True)
class NevHeader:
    """The headers of a NEV file.

    Attributes
    ----------
    tick_hz, sample_hz
        The clock of the packets' ticks, and the sampling rate of spike waveforms.
    channels
        All channels that may have spike packets, in the file's order: electrodes, analog inputs, stimulation channels.
    extended
        Extended headers that describe no electrode (array name, map file, digital labels, video, tracking, those
        of later recorders), as pairs of tag and 24 bytes.
    n_packets
        Whole packets in the file.
    repairs
        What was wrong with the file and how it is read nevertheless, a sentence each.
    """

    layout: NevLayout
    header_bytes: int
    packet_bytes: int
    tick_hz: int
    sample_hz: int
    start: datetime | None
    application: str
    comment: str
    channels: tuple[NevElectrode, ...]
    extended: tuple[tuple[str, bytes], ...]
    n_packets: int
    repairs: tuple[str, ...]

    @property
    def specification(self) -> str:
        """Version of the file specification."""
        return self.layout.specification

    @property
    def electrodes(self) -> tuple[NevElectrode, ...]:
        """The contacts among the channels."""
        return tuple(one for one in self.channels if is_contact(one.electrode_id, one.label))


def read_nev_header(file: Path) -> NevHeader:
    """Read and check the head of a NEV file.

    Raises
    ------
    RecordingError
        The file is missing, foreign, of a version outside the table, or its header is corrupt or cut short.
    """
    with readable(file), file.open("rb") as stream:
        return _read(stream, file)


def _read(stream: BinaryIO, file: Path) -> NevHeader:
    layout = _layout(stream, file)
    raw = read_exactly(stream, layout.basic_header.itemsize, file=file, what="the basic header")
    basic = np.frombuffer(raw, layout.basic_header)[0]
    _check_basic(basic, layout, file)
    if int(basic["n_extended"]) > _MOST_EXTENDED:
        raise RecordingError(
            f"{file}: expected at most {_MOST_EXTENDED} extended headers, found {int(basic['n_extended'])}. The header "
            "is corrupt: copy the file again."
        )
    raw = read_exactly(stream, int(basic["n_extended"]) * EXTENDED_HEADER.itemsize, file=file, what="extended headers")
    extended = np.frombuffer(raw, EXTENDED_HEADER)
    described = _channels(extended, all_int16=bool(int(basic["flags"]) & WAVEFORMS_ARE_INT16))
    room = int(basic["packet_bytes"]) - layout.timestamp.itemsize - 4
    channels, width_repairs = _ignore_widths(described, room, file)
    n_packets, rest = divmod(stream.seek(0, 2) - int(basic["header_bytes"]), int(basic["packet_bytes"]))
    return NevHeader(
        layout=layout,
        header_bytes=int(basic["header_bytes"]),
        packet_bytes=int(basic["packet_bytes"]),
        tick_hz=int(basic["resolution"]),
        sample_hz=int(basic["sample_resolution"]),
        start=read_date(basic),
        application=text(basic["application"]),
        comment=text(basic["comment"]),
        channels=channels,
        extended=_others(extended),
        n_packets=n_packets,
        repairs=width_repairs + report_date(basic) + _report_cut(rest, int(basic["packet_bytes"])),
    )


def _layout(stream: BinaryIO, file: Path) -> NevLayout:
    """Choose the table's row from the first ten bytes and the clock, and rewind."""
    head = read_exactly(stream, 10, file=file, what="a NEV header")
    stream.seek(_RESOLUTION_AT)
    tick_hz = int.from_bytes(stream.read(4), "little")
    stream.seek(0)
    if head[:8] not in NEV_FILE_IDS:
        raise RecordingError(
            f"{file}: expected a NEV file (NEURALEV or BREVENTS), found {head[:8]!r}. Give a .nev file."
        )
    rows = [row for row in NEV_LAYOUTS.values() if (row.file_id, row.version) == (head[:8], (head[8], head[9]))]
    if not rows:
        raise RecordingError(
            f"{file}: expected NEV specification {', '.join(NEV_LAYOUTS)}, found {head[8]}.{head[9]} "
            f"({head[:8].decode()}). Convert the file with the recorder's tools."
        )
    return next((row for row in rows if row.tick_hz == tick_hz), rows[0])


def _check_basic(basic: np.void, layout: NevLayout, file: Path) -> None:
    expected = layout.basic_header.itemsize + int(basic["n_extended"]) * EXTENDED_HEADER.itemsize
    header_bytes, packet_bytes = int(basic["header_bytes"]), int(basic["packet_bytes"])
    if header_bytes != expected:
        raise RecordingError(
            f"{file}: expected {expected} header bytes for {int(basic['n_extended'])} extended headers, found "
            f"{header_bytes}. The header is corrupt: copy the file again."
        )
    sizes = range(layout.smallest_packet, _LARGEST_PACKET + 1, 2)
    if packet_bytes not in sizes or int(basic["resolution"]) == 0:
        raise RecordingError(
            f"{file}: expected packets of an even number of bytes from {layout.smallest_packet} up and a clock, found "
            f"{packet_bytes} bytes at {int(basic['resolution'])} ticks/s. The header is corrupt: copy the file again."
        )


def _ignore_widths(
    channels: tuple[NevElectrode, ...], room: int, file: Path
) -> tuple[tuple[NevElectrode, ...], tuple[str, ...]]:
    """Take no notice of widths that the packets cannot hold; Ripple's recorder leaves unused channels' unset.

    Where all widths are likely ones and none fits, it is the packets' size that is a lie.
    """
    told = [one for one in channels if one.waveform_samples]
    wrong = [one for one in told if one.bytes_per_sample * (one.waveform_samples or 0) > room]
    if wrong and len(wrong) == len(told) and all((one.waveform_samples or 0) <= _WIDEST for one in wrong):
        announced = wrong[0].bytes_per_sample * (wrong[0].waveform_samples or 0)
        raise RecordingError(
            f"{file}: expected packets with room for {announced} bytes of waveform on electrode "
            f"{wrong[0].electrode_id}, found {room}. The header is corrupt: copy the file again."
        )
    if not wrong:
        return channels, ()
    ids = [one.electrode_id for one in wrong]
    which = f"channel {ids[0]}" if len(ids) == 1 else f"{len(ids)} channels ({min(ids)} to {max(ids)})"
    ignored = set(ids)
    return tuple(replace(one, waveform_samples=None) if one.electrode_id in ignored else one for one in channels), (
        f"the header gives {which} waveforms of up to {max(one.waveform_samples or 0 for one in wrong)} samples, for "
        f"which packets have no room ({room} bytes): that width was ignored",
    )


def _channels(extended: NDArray[np.void], *, all_int16: bool) -> tuple[NevElectrode, ...]:
    waveforms = extended[extended["tag"] == b"NEUEVWAV"].view(WAVEFORM_HEADER)
    labels = extended[extended["tag"] == b"NEUEVLBL"].view(LABEL_HEADER)
    filters = extended[extended["tag"] == b"NEUEVFLT"].view(FILTER_HEADER)
    label_of = {int(row["electrode_id"]): text(row["label"]) for row in labels}
    filter_of = {int(row["electrode_id"]): row for row in filters}
    return tuple(
        _electrode(row, label_of.get(int(row["electrode_id"]), ""), filter_of.get(int(row["electrode_id"])), all_int16)
        for row in waveforms
    )


def _electrode(waveform: np.void, label: str, corners: np.void | None, all_int16: bool) -> NevElectrode:
    """Join an electrode's three headers; NEUEVWAV's bytes a sample count only where flag bit 0 is not set."""
    hz = (250.0, 5000.0) if corners is None else (corners["high_pass_mhz"] / 1000, corners["low_pass_mhz"] / 1000)
    return NevElectrode(
        electrode_id=int(waveform["electrode_id"]),
        label=label,
        nv_per_bit=int(waveform["nv_per_bit"]),
        connector=int(waveform["connector"]),
        pin=int(waveform["pin"]),
        low_threshold=int(waveform["low_threshold"]),
        high_pass_hz=float(hz[0]),
        low_pass_hz=float(hz[1]),
        bytes_per_sample=_INT16_BYTES if all_int16 else max(1, int(waveform["bytes_per_sample"])),
        waveform_samples=int(waveform["width"]) or None,
    )


def _others(extended: NDArray[np.void]) -> tuple[tuple[str, bytes], ...]:
    rows = extended[~np.isin(extended["tag"], _DESCRIBED)]
    return tuple((text(row["tag"]), row["payload"].tobytes()) for row in rows)


def _report_cut(rest: int, packet_bytes: int) -> tuple[str, ...]:
    if not rest:
        return ()
    return (f"the file ends within a packet: {rest} of its {packet_bytes} bytes are there and were left out",)
