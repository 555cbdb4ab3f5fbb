"""Write NEV files batch by batch: the simulated array's recorder, and files for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.header_fields import encode_text, write_date
from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.layout import (
    DIGITAL_LABEL_HEADER,
    EXTENDED_HEADER,
    FILTER_HEADER,
    LABEL_HEADER,
    LARGEST_CHANNEL,
    NEV_LAYOUTS,
    PARALLEL_REASON,
    WAVEFORM_HEADER,
    WAVEFORMS_ARE_INT16,
    NevLayout,
)
from closedloop.blackrock.nev.packing import NevBatch, packing
from closedloop.blackrock.nsx.layout import period_clock_hz
from closedloop.storage import atomic_stream

__all__ = ["NevBatch", "write_nev"]

_BUTTERWORTH = 1
_INT16_BYTES = 2


def write_nev(
    file: Path,
    electrodes: Sequence[NevElectrode],
    *,
    specification: str,
    batches: Iterable[NevBatch],
    start: datetime,
    waveform_samples: int = 48,
    tick_hz: int | None = None,
    int16_waveforms: bool = True,
    extra_headers: Sequence[tuple[str, bytes]] = (),
    in_order: bool = True,
    application: str = "closedloop",
    comment: str = "",
) -> int:
    """Write packets sorted by time within each batch; only one batch is in memory.

    Parameters
    ----------
    file
        The file to write; an existing one is replaced.
    electrodes
        The contacts that the extended headers describe.
    specification
        "2.1", "2.2", "2.3" (32-bit ticks), "3.0" or "3.0-ptp" (64-bit ticks).
    batches
        Packets.
    start
        Date and time of the recording; without a zone, UTC.
    waveform_samples
        Width of a spike's waveform, which sets the size of every packet.
    tick_hz
        Ticks per second, if not the specification's usual 30000 (3.0-ptp: 1e9).
    int16_waveforms
        Flag bit 0. Without it each electrode's `bytes_per_sample` counts.
    extra_headers
        More extended headers (ARRAYNME, MAPFILE, ...), as pairs of tag and at most 24 bytes.
    in_order
        Whether each batch must start no earlier than the one before ended; otherwise the clock may go back between
        batches, as after a reset.
    application, comment
        Header texts, at most 32 and 256 ASCII characters.

    Returns
    -------
    int
        Number of packets written.

    Raises
    ------
    ValueError
        Something that the format cannot hold, or batches out of order.
    StorageError
        The disk is full or the folder cannot be written.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from closedloop.blackrock import NevBatch, NevElectrode, write_nev
    >>> start = datetime(2024, 5, 6, tzinfo=UTC)
    >>> batch = NevBatch(code_tick=np.array([30, 6030]), code_value=np.array([1, 2]))
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "day3.nev"
    ...     write_nev(file, [NevElectrode(1, "elec1")], specification="2.3", batches=[batch], start=start)
    2
    """
    layout = _layout(specification)
    widest = max([_INT16_BYTES, *(one.bytes_per_sample for one in electrodes if not int16_waveforms)])
    packet_bytes = layout.packet_bytes(waveform_samples * widest)
    extended = _extended_headers(electrodes, layout, waveform_samples, extra_headers)
    header = _basic_header(layout, len(extended), packet_bytes, start)
    header["resolution"] = layout.tick_hz if tick_hz is None else tick_hz
    header["sample_resolution"] = period_clock_hz(int(header["resolution"][0]))
    header["flags"] = WAVEFORMS_ARE_INT16 if int16_waveforms else 0
    header["application"], header["comment"] = encode_text(application, 32), encode_text(comment, 256)
    how = packing(layout, packet_bytes, () if int16_waveforms else electrodes)
    n_packets, last_tick = 0, 0
    with atomic_stream(file) as stream:
        stream.write(header.tobytes())
        stream.write(extended.tobytes())
        for batch in batches:
            packets, ticks = how.pack(batch)
            last_tick = _check_order(ticks, last_tick) if in_order else 0
            stream.write(packets.data)
            n_packets += len(packets)
    return n_packets


def _check_order(ticks: NDArray[np.int64], before: int) -> int:
    if len(ticks) == 0:
        return before
    if ticks[0] < before:
        raise ValueError(f"a batch starts at tick {ticks[0]}, before the last one's end {before}")
    return int(ticks[-1])


def _layout(specification: str) -> NevLayout:
    if specification not in NEV_LAYOUTS:
        raise ValueError(f"NEV specification must be one of {', '.join(NEV_LAYOUTS)}, not {specification!r}")
    return NEV_LAYOUTS[specification]


def _basic_header(layout: NevLayout, n_extended: int, packet_bytes: int, start: datetime) -> NDArray[np.void]:
    header = np.zeros(1, layout.basic_header)
    header["file_id"] = layout.file_id
    header["major"], header["minor"] = layout.version
    header["header_bytes"] = layout.basic_header.itemsize + n_extended * EXTENDED_HEADER.itemsize
    header["packet_bytes"], header["n_extended"] = packet_bytes, n_extended
    write_date(header[0], start)
    return header


def _extended_headers(
    electrodes: Sequence[NevElectrode], layout: NevLayout, width: int, extra: Sequence[tuple[str, bytes]]
) -> NDArray[np.void]:
    ids = [electrode.electrode_id for electrode in electrodes]
    if len(set(ids)) < len(ids) or not all(1 <= i <= LARGEST_CHANNEL for i in ids):
        raise ValueError(f"electrode ids must be unique and 1 to {LARGEST_CHANNEL}")
    parts = [_waveform_headers(electrodes, width if layout.has_labels else 0)]
    if layout.has_labels:
        parts += [_label_headers(electrodes), _filter_headers(electrodes), _digital_label()]
    return np.concatenate([part.view(EXTENDED_HEADER) for part in (*parts, _extra_headers(extra))])


def _waveform_headers(electrodes: Sequence[NevElectrode], width: int) -> NDArray[np.void]:
    headers = np.zeros(len(electrodes), WAVEFORM_HEADER)
    headers["tag"] = b"NEUEVWAV"
    for name in ("electrode_id", "nv_per_bit", "connector", "pin", "low_threshold", "bytes_per_sample"):
        headers[name] = [getattr(electrode, name) for electrode in electrodes]
    headers["width"] = width
    return headers


def _label_headers(electrodes: Sequence[NevElectrode]) -> NDArray[np.void]:
    headers = np.zeros(len(electrodes), LABEL_HEADER)
    headers["tag"], headers["electrode_id"] = b"NEUEVLBL", [electrode.electrode_id for electrode in electrodes]
    headers["label"] = [encode_text(electrode.label, 16) for electrode in electrodes]
    return headers


def _filter_headers(electrodes: Sequence[NevElectrode]) -> NDArray[np.void]:
    headers = np.zeros(len(electrodes), FILTER_HEADER)
    headers["tag"], headers["electrode_id"] = b"NEUEVFLT", [electrode.electrode_id for electrode in electrodes]
    for name in ("high_pass", "low_pass"):
        headers[f"{name}_mhz"] = [round(getattr(electrode, f"{name}_hz") * 1000) for electrode in electrodes]
        headers[f"{name}_order"], headers[f"{name}_type"] = 4, _BUTTERWORTH
    return headers


def _digital_label() -> NDArray[np.void]:
    header = np.zeros(1, DIGITAL_LABEL_HEADER)
    header["tag"], header["label"], header["mode"] = b"DIGLABEL", b"digin", PARALLEL_REASON
    return header


def _extra_headers(extra: Sequence[tuple[str, bytes]]) -> NDArray[np.void]:
    room = EXTENDED_HEADER["payload"].itemsize
    if any(len(payload) > room for _, payload in extra):
        raise ValueError(f"an extended header holds {room} bytes")
    rows = [encode_text(tag, 8).ljust(8, b"\0") + payload.ljust(room, b"\0") for tag, payload in extra]
    return np.frombuffer(b"".join(rows), EXTENDED_HEADER)
