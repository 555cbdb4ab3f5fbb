"""The head of a NEV file and a scan over its packets, checked before neo reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import RecordingError
from closedloop.recording.header_fields import read_date, read_exactly, text
from closedloop.recording.nev_layout import (
    COMMENT_PACKET,
    DIGITAL_PACKET,
    EXTENDED_HEADER,
    FIRST_SYSTEM_PACKET,
    LABEL_HEADER,
    LARGEST_ELECTRODE,
    NEV_FILE_IDS,
    NEV_LAYOUTS,
    WAVEFORM_HEADER,
    WAVEFORMS_ARE_INT16,
    NevLayout,
)

_SMALLEST_PACKET = 20  # bytes; below, a comment or digital packet of 3.0 has no room
_SCAN_PACKETS = 1 << 18  # 27 MB at 104 bytes a packet


@dataclass(frozen=True)
class NevElectrode:
    """One recorded contact, as the extended headers describe it."""

    electrode_id: int
    label: str
    nv_per_bit: int = 250
    connector: int = 0
    pin: int = 0
    low_threshold: int = 0
    high_pass_hz: float = 250.0
    low_pass_hz: float = 5000.0


@dataclass(frozen=True)
class NevHeader:
    """What a NEV file says of itself."""

    layout: NevLayout
    header_bytes: int
    packet_bytes: int
    tick_hz: int
    start: datetime | None
    application: str
    comment: str
    electrodes: tuple[NevElectrode, ...]
    n_packets: int

    @property
    def specification(self) -> str:
        """Version of the file specification."""
        return self.layout.specification


@dataclass(frozen=True)
class NevScan:
    """One pass over all packets of a file: how many of which kind, and whether they are in time order."""

    n_by_kind: NDArray[np.int64]
    first_tick: int
    last_tick: int
    n_steps_back: int
    largest_step_back: int

    @property
    def n_spikes(self) -> dict[int, int]:
        """Spike packets by electrode id."""
        ids = np.flatnonzero(self.n_by_kind[1:FIRST_SYSTEM_PACKET]) + 1
        return {int(electrode): int(self.n_by_kind[electrode]) for electrode in ids}

    @property
    def n_digital(self) -> int:
        """Digital packets, parallel and serial."""
        return int(self.n_by_kind[DIGITAL_PACKET])

    @property
    def n_comments(self) -> int:
        """Comment packets."""
        return int(self.n_by_kind[COMMENT_PACKET])

    @property
    def n_other(self) -> int:
        """System packets that are not comments: video, tracking, buttons, configuration, pauses."""
        return int(self.n_by_kind[FIRST_SYSTEM_PACKET:COMMENT_PACKET].sum())

    @property
    def n_unreadable(self) -> int:
        """Spikes on electrode ids above 2048, which neo drops."""
        return int(self.n_by_kind[LARGEST_ELECTRODE + 1 : FIRST_SYSTEM_PACKET].sum())


def read_nev_header(file: Path) -> NevHeader:
    """Read and check the head of a NEV file.

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


def _read(stream: BinaryIO, file: Path) -> NevHeader:
    layout = _layout(stream, file)
    raw = read_exactly(stream, layout.basic_header.itemsize, file=file, what="the basic header")
    basic = np.frombuffer(raw, layout.basic_header)[0]
    _check_basic(basic, layout, file)
    n_bytes = int(basic["n_extended"]) * EXTENDED_HEADER.itemsize
    extended = np.frombuffer(read_exactly(stream, n_bytes, file=file, what="extended headers"), EXTENDED_HEADER)
    return NevHeader(
        layout=layout,
        header_bytes=int(basic["header_bytes"]),
        packet_bytes=int(basic["packet_bytes"]),
        tick_hz=int(basic["resolution"]),
        start=read_date(basic),
        application=text(basic["application"]),
        comment=text(basic["comment"]),
        electrodes=_electrodes(extended),
        n_packets=_n_packets(stream, basic, file),
    )


def _layout(stream: BinaryIO, file: Path) -> NevLayout:
    """Choose the table's row from the first ten bytes, and rewind."""
    head = read_exactly(stream, 10, file=file, what="a NEV header")
    stream.seek(0)
    if head[:8] not in NEV_FILE_IDS:
        raise RecordingError(
            f"{file}: expected a NEV file (NEURALEV or BREVENTS), found {head[:8]!r}. Give a .nev file."
        )
    specification = f"{head[8]}.{head[9]}"
    layout = NEV_LAYOUTS.get(specification)
    if layout is None or layout.file_id != head[:8]:
        raise RecordingError(
            f"{file}: expected NEV specification {', '.join(NEV_LAYOUTS)}, found {specification} "
            f"({head[:8].decode()}). Convert the file with the recorder's tools."
        )
    return layout


def _check_basic(basic: np.void, layout: NevLayout, file: Path) -> None:
    expected = layout.basic_header.itemsize + int(basic["n_extended"]) * EXTENDED_HEADER.itemsize
    if int(basic["header_bytes"]) != expected:
        raise RecordingError(
            f"{file}: expected {expected} header bytes for {int(basic['n_extended'])} extended headers, found "
            f"{int(basic['header_bytes'])}. The header is corrupt: copy the file again."
        )
    packet_bytes = int(basic["packet_bytes"])
    if packet_bytes < _SMALLEST_PACKET or packet_bytes % 2 or int(basic["resolution"]) == 0:
        raise RecordingError(
            f"{file}: expected packets of an even number of bytes from {_SMALLEST_PACKET} up and a clock, found "
            f"{packet_bytes} bytes at {int(basic['resolution'])} ticks/s. The header is corrupt: copy the file again."
        )
    if not int(basic["flags"]) & WAVEFORMS_ARE_INT16:
        raise RecordingError(
            f"{file}: expected 16-bit waveforms (flag bit 0), found flags {int(basic['flags'])}, on which neo fails. "
            "Convert the file with the recorder's tools."
        )


def _electrodes(extended: NDArray[np.void]) -> tuple[NevElectrode, ...]:
    waveforms = extended[extended["tag"] == b"NEUEVWAV"].view(WAVEFORM_HEADER)
    labels = extended[extended["tag"] == b"NEUEVLBL"].view(LABEL_HEADER)
    label_of = {int(row["electrode_id"]): text(row["label"]) for row in labels}
    return tuple(
        NevElectrode(
            int(row["electrode_id"]),
            label_of.get(int(row["electrode_id"]), ""),
            **{name: int(row[name]) for name in ("nv_per_bit", "connector", "pin", "low_threshold")},
        )
        for row in waveforms
    )


def _n_packets(stream: BinaryIO, basic: np.void, file: Path) -> int:
    n_packets, rest = divmod(stream.seek(0, 2) - int(basic["header_bytes"]), int(basic["packet_bytes"]))
    if rest:
        raise RecordingError(
            f"{file}: expected whole packets of {int(basic['packet_bytes'])} bytes, found {rest} bytes after packet "
            f"{n_packets}, which neo would drop. The file is truncated: copy it again."
        )
    return n_packets


def packet_heads(file: Path, header: NevHeader) -> Iterator[NDArray[np.void]]:
    """Read all packets in batches, typed by the fields that every packet has (``tick`` and ``kind``)."""
    dtype = header.layout.any_packet(header.packet_bytes)
    with file.open("rb") as stream:
        stream.seek(header.header_bytes)
        while len(batch := np.fromfile(stream, dtype, _SCAN_PACKETS)):
            yield batch


def scan_packets(file: Path, header: NevHeader) -> NevScan:
    """Count packets by kind and look for steps back in time, in bounded memory."""
    n_by_kind = np.zeros(COMMENT_PACKET + 1, np.int64)
    first = last = largest = -1
    n_back = 0
    for batch in packet_heads(file, header):
        n_by_kind += np.bincount(batch["kind"], minlength=COMMENT_PACKET + 1)
        ticks = batch["tick"].astype(np.int64)
        first = int(ticks[0]) if first < 0 else first
        steps = np.diff(ticks, prepend=ticks[0] if last < 0 else last)
        n_back += int(np.count_nonzero(steps < 0))
        largest = max(largest, -int(steps.min()))
        last = int(ticks[-1])
    return NevScan(n_by_kind, max(first, 0), max(last, 0), n_back, max(largest, 0))
