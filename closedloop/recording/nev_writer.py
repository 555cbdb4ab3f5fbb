"""Write NEV files batch by batch: the simulated array's recorder, and files for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.header_fields import write_date
from closedloop.recording.nev_header import NevElectrode
from closedloop.recording.nev_layout import (
    COMMENT_PACKET,
    DIGITAL_LABEL_HEADER,
    EXTENDED_HEADER,
    FILTER_HEADER,
    LABEL_HEADER,
    LARGEST_ELECTRODE,
    NEV_LAYOUTS,
    PARALLEL,
    WAVEFORM_HEADER,
    WAVEFORMS_ARE_INT16,
    NevLayout,
)
from closedloop.recording.nsx_layout import PERIOD_CLOCK_HZ
from closedloop.recording.nsx_writer import encoded

_BUTTERWORTH = 1
_COMMENT_ENCODING = "latin_1"  # character set 0


def _no_ticks() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class NevBatch:
    """Packets of one stretch of time, in any order within it.

    `spike_tick` (ticks of 1/30000 s) and `spike_electrode` (electrode ids) have shape (n_spikes,), `spike_waveform`
    int16 shape (n_spikes, width), in bits (None stores zeros). `code_tick` goes with `code_value` (16-bit words of the
    parallel port), `comment_tick` with `comment_text`. Packets of one tick are stored spikes first, then codes, then
    comments.
    """

    spike_tick: NDArray[np.int64] = field(default_factory=_no_ticks)
    spike_electrode: NDArray[np.int64] = field(default_factory=_no_ticks)
    spike_waveform: NDArray[np.int16] | None = None
    code_tick: NDArray[np.int64] = field(default_factory=_no_ticks)
    code_value: NDArray[np.int64] = field(default_factory=_no_ticks)
    comment_tick: NDArray[np.int64] = field(default_factory=_no_ticks)
    comment_text: tuple[str, ...] = ()


def write_nev(
    file: Path,
    electrodes: Sequence[NevElectrode],
    *,
    specification: str,
    batches: Iterable[NevBatch],
    start: datetime,
    waveform_samples: int = 48,
    application: str = "closedloop",
    comment: str = "",
) -> int:
    """Write packets sorted by time; only one batch is in memory.

    Parameters
    ----------
    file
        The file to write; an existing one is replaced.
    electrodes
        The contacts that the extended headers describe.
    specification
        "2.3" (32-bit ticks) or "3.0" (64-bit ticks).
    batches
        Packets; each batch starts no earlier than the one before ended.
    start
        Date and time of the recording; without a zone, UTC.
    waveform_samples
        Width of a spike's waveform, which sets the size of every packet.
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
    """
    layout = _layout(specification)
    packet_bytes = layout.packet_bytes(waveform_samples)
    extended = _extended_headers(electrodes, waveform_samples)
    header = _basic_header(layout, len(extended), packet_bytes, start)
    header["application"], header["comment"] = encoded(application, 32), encoded(comment, 256)
    n_packets, last_tick = 0, 0
    with file.open("wb") as stream:
        stream.write(header.tobytes())
        stream.write(extended.tobytes())
        for batch in batches:
            packets, first, last = _packets(batch, layout, packet_bytes)
            if first < last_tick:
                raise ValueError(f"a batch starts at tick {first}, before the last one's end {last_tick}")
            stream.write(packets.data)
            n_packets, last_tick = n_packets + len(packets), last
    return n_packets


def _layout(specification: str) -> NevLayout:
    if specification not in NEV_LAYOUTS:
        raise ValueError(f"NEV specification must be one of {', '.join(NEV_LAYOUTS)}, not {specification!r}")
    return NEV_LAYOUTS[specification]


def _basic_header(layout: NevLayout, n_extended: int, packet_bytes: int, start: datetime) -> NDArray[np.void]:
    header = np.zeros(1, layout.basic_header)
    header["file_id"] = layout.file_id
    header["major"], header["minor"] = (int(part) for part in layout.specification.split("."))
    header["flags"] = WAVEFORMS_ARE_INT16
    header["header_bytes"] = layout.basic_header.itemsize + n_extended * EXTENDED_HEADER.itemsize
    header["packet_bytes"], header["n_extended"] = packet_bytes, n_extended
    header["resolution"] = header["sample_resolution"] = PERIOD_CLOCK_HZ
    write_date(header[0], start)
    return header


def _extended_headers(electrodes: Sequence[NevElectrode], width: int) -> NDArray[np.void]:
    ids = [electrode.electrode_id for electrode in electrodes]
    if len(set(ids)) < len(ids) or not all(1 <= i <= LARGEST_ELECTRODE for i in ids):
        raise ValueError(f"electrode ids must be unique and 1 to {LARGEST_ELECTRODE}")
    waveforms, labels, filters = (np.zeros(len(ids), dtype) for dtype in (WAVEFORM_HEADER, LABEL_HEADER, FILTER_HEADER))
    waveforms["tag"], labels["tag"], filters["tag"] = b"NEUEVWAV", b"NEUEVLBL", b"NEUEVFLT"
    for headers in (waveforms, labels, filters):
        headers["electrode_id"] = ids
    for name in ("nv_per_bit", "connector", "pin", "low_threshold"):
        waveforms[name] = [getattr(electrode, name) for electrode in electrodes]
    waveforms["bytes_per_sample"], waveforms["width"] = 2, width
    labels["label"] = [encoded(electrode.label, 16) for electrode in electrodes]
    for name in ("high_pass", "low_pass"):
        filters[f"{name}_mhz"] = [round(getattr(electrode, f"{name}_hz") * 1000) for electrode in electrodes]
        filters[f"{name}_order"], filters[f"{name}_type"] = 4, _BUTTERWORTH
    return np.concatenate([part.view(EXTENDED_HEADER) for part in (waveforms, labels, filters, _digital_label())])


def _digital_label() -> NDArray[np.void]:
    header = np.zeros(1, DIGITAL_LABEL_HEADER)
    header["tag"], header["label"], header["mode"] = b"DIGLABEL", b"digin", PARALLEL
    return header


def _packets(batch: NevBatch, layout: NevLayout, packet_bytes: int) -> tuple[NDArray[np.void], int, int]:
    """Merge a batch into packets sorted by time; give them with the first and last tick."""
    parts = [
        _spikes(batch, layout, packet_bytes),
        _codes(batch, layout, packet_bytes),
        _comments(batch, layout, packet_bytes),
    ]
    ticks = np.concatenate([batch.spike_tick, batch.code_tick, batch.comment_tick])
    packets = np.concatenate([part.view(f"V{packet_bytes}") for part in parts])
    if len(ticks) == 0:
        return packets, np.iinfo(np.int64).max, 0
    _check_ticks(ticks, layout)
    order = np.argsort(ticks, kind="stable")
    return packets[order], int(ticks[order[0]]), int(ticks[order[-1]])


def _check_ticks(ticks: NDArray[np.int64], layout: NevLayout) -> None:
    if ticks.min() < 0 or ticks.max() > layout.largest_tick:
        raise ValueError(
            f"ticks {ticks.min()} to {ticks.max()} do not fit specification {layout.specification} "
            f"(0 to {layout.largest_tick})"
        )


def _spikes(batch: NevBatch, layout: NevLayout, packet_bytes: int) -> NDArray[np.void]:
    packets = np.zeros(len(batch.spike_tick), layout.spike_packet(packet_bytes))
    electrodes = np.asarray(batch.spike_electrode)
    if len(electrodes) and not (electrodes.min() >= 1 and electrodes.max() <= LARGEST_ELECTRODE):
        raise ValueError(f"spike electrode ids must be 1 to {LARGEST_ELECTRODE}")
    packets["tick"], packets["kind"] = batch.spike_tick, electrodes
    if batch.spike_waveform is not None:
        packets["waveform"] = batch.spike_waveform
    return packets


def _codes(batch: NevBatch, layout: NevLayout, packet_bytes: int) -> NDArray[np.void]:
    packets = np.zeros(len(batch.code_tick), layout.digital_packet(packet_bytes))
    values = np.asarray(batch.code_value)
    if len(values) and not (values.min() >= 0 and values.max() <= 65535):
        raise ValueError("digital codes must fit 16 bits")
    packets["tick"], packets["reason"], packets["value"] = batch.code_tick, PARALLEL, values
    return packets


def _comments(batch: NevBatch, layout: NevLayout, packet_bytes: int) -> NDArray[np.void]:
    packets = np.zeros(len(batch.comment_tick), layout.comment_packet(packet_bytes))
    room = packets.dtype["text"].itemsize
    packets["tick"], packets["kind"] = batch.comment_tick, COMMENT_PACKET
    packets["text"] = [encoded(text, room, _COMMENT_ENCODING) for text in batch.comment_text]
    return packets
