"""Packets in memory as the bytes of a NEV file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.header_fields import encode_text
from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.layout import (
    COMMENT_PACKET,
    LARGEST_CHANNEL,
    PARALLEL_REASON,
    RECORDING_PACKET,
    SERIAL_REASON,
    NevLayout,
)

PAUSE_REASON, RESUME_REASON = 2, 3  # our files' recording events; readers go by the silence between them
_UTF_16 = 1
_ENCODINGS = {0: "cp1252", _UTF_16: "utf_16_le"}


def _no_ticks() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class NevBatch:
    """Packets of one segment of time, in any order within it.

    Attributes
    ----------
    spike_tick, spike_electrode
        Ticks and electrode ids (1 to 32767), shape (n_spikes,).
    spike_waveform
        In bits, int16, shape (n_spikes, width); None stores zeros.
    spike_unit
        Unit numbers 0 to 255, shape (n_spikes,); None stores zeros.
    code_tick, code_value
        16-bit digital codes of the parallel port.
    serial_tick, serial_value
        16-bit digital codes of the serial port.
    comment_tick, comment_text, comment_charset
        Comments, and how all of them are stored: 0 is ANSI, 1 UTF-16.
    pause_tick, resume_tick
        Recording events.
    other_tick, other_kind
        Packets of any other kind, by id, without content.

    Packets of one tick are stored in the order of these attributes, but resume before all.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.blackrock import NevBatch
    >>> batch = NevBatch(spike_tick=np.array([300, 900]), spike_electrode=np.array([1, 2]))
    >>> len(batch.spike_tick), len(batch.code_tick)
    (2, 0)
    """

    spike_tick: NDArray[np.int64] = field(default_factory=_no_ticks)
    spike_electrode: NDArray[np.int64] = field(default_factory=_no_ticks)
    spike_waveform: NDArray[np.int16] | None = None
    spike_unit: NDArray[np.int64] | None = None
    code_tick: NDArray[np.int64] = field(default_factory=_no_ticks)
    code_value: NDArray[np.int64] = field(default_factory=_no_ticks)
    serial_tick: NDArray[np.int64] = field(default_factory=_no_ticks)
    serial_value: NDArray[np.int64] = field(default_factory=_no_ticks)
    comment_tick: NDArray[np.int64] = field(default_factory=_no_ticks)
    comment_text: tuple[str, ...] = ()
    comment_charset: int = 0
    pause_tick: NDArray[np.int64] = field(default_factory=_no_ticks)
    resume_tick: NDArray[np.int64] = field(default_factory=_no_ticks)
    other_tick: NDArray[np.int64] = field(default_factory=_no_ticks)
    other_kind: NDArray[np.int64] = field(default_factory=_no_ticks)


@dataclass(frozen=True)
class Packing:
    """How packets are stored: the specification, their size, and how wide each electrode's samples are."""

    layout: NevLayout
    packet_bytes: int
    bytes_per_sample: dict[int, int]

    def pack(self, batch: NevBatch) -> tuple[NDArray[np.void], NDArray[np.int64]]:
        """Merge a batch into packets sorted by tick.

        Returns
        -------
        tuple
            Packets, and their ticks, shape (n_packets,) each.

        Raises
        ------
        ValueError
            Something that the format cannot hold.
        """
        parts = [
            (batch.resume_tick, self._recording(batch.resume_tick, RESUME_REASON)),
            (batch.spike_tick, self._spikes(batch)),
            (batch.code_tick, self._codes(batch.code_tick, batch.code_value, PARALLEL_REASON)),
            (batch.serial_tick, self._codes(batch.serial_tick, batch.serial_value, SERIAL_REASON)),
            (batch.comment_tick, self._comments(batch)),
            (batch.pause_tick, self._recording(batch.pause_tick, PAUSE_REASON)),
            (batch.other_tick, self._others(batch)),
        ]
        ticks = np.concatenate([np.asarray(tick, np.int64) for tick, _ in parts])
        self._check_ticks(ticks)
        order = np.argsort(ticks, kind="stable")
        packets = np.concatenate([part.view(f"V{self.packet_bytes}") for _, part in parts])
        return packets[order], ticks[order]

    def _check_ticks(self, ticks: NDArray[np.int64]) -> None:
        if len(ticks) and (ticks.min() < 0 or ticks.max() > self.layout.largest_tick):
            raise ValueError(
                f"ticks {ticks.min()} to {ticks.max()} do not fit specification {self.layout.specification} "
                f"(0 to {self.layout.largest_tick})"
            )

    def _spikes(self, batch: NevBatch) -> NDArray[np.void]:
        packets = np.zeros(len(batch.spike_tick), self.layout.spike_packet(self.packet_bytes))
        electrodes = np.asarray(batch.spike_electrode)
        _check_range(electrodes, 1, LARGEST_CHANNEL, "spike electrode ids")
        packets["tick"], packets["kind"] = batch.spike_tick, electrodes
        if batch.spike_unit is not None:
            _check_range(batch.spike_unit, 0, 255, "unit numbers")
            packets["unit"] = batch.spike_unit
        if batch.spike_waveform is not None:
            self._store_waveforms(packets, electrodes, batch.spike_waveform)
        return packets

    def _store_waveforms(
        self, packets: NDArray[np.void], electrodes: NDArray[np.int64], waveforms: NDArray[np.int16]
    ) -> None:
        """Store each electrode's samples in its own width, from the first byte on."""
        widths = np.full(max(LARGEST_CHANNEL, *self.bytes_per_sample, 0) + 1, 2)
        for electrode, width in self.bytes_per_sample.items():
            widths[electrode] = width
        n_bytes = widths[electrodes]
        room = packets.view(np.uint8).reshape(len(packets), self.packet_bytes)
        first = self.layout.timestamp.itemsize + 4
        for width in np.unique(n_bytes):
            rows = np.flatnonzero(n_bytes == width)
            samples = np.ascontiguousarray(waveforms[rows].astype(f"<i{width}"))
            room[rows, first : first + samples.shape[1] * int(width)] = samples.view(np.uint8)

    def _codes(self, tick: NDArray[np.int64], value: NDArray[np.int64], reason: int) -> NDArray[np.void]:
        packets = np.zeros(len(tick), self.layout.digital_packet(self.packet_bytes))
        _check_range(value, 0, 65535, "digital codes")
        packets["tick"], packets["reason"], packets["value"] = tick, reason, value
        return packets

    def _comments(self, batch: NevBatch) -> NDArray[np.void]:
        packets = np.zeros(len(batch.comment_tick), self.layout.comment_packet(self.packet_bytes))
        room = packets.dtype["text"].itemsize
        packets["tick"], packets["kind"], packets["charset"] = batch.comment_tick, COMMENT_PACKET, batch.comment_charset
        encoding = _ENCODINGS[batch.comment_charset]
        texts = [encode_text(text, room, encoding).ljust(room, b"\0") for text in batch.comment_text]
        packets["text"] = np.frombuffer(b"".join(texts), f"V{room}") if texts else []
        return packets

    def _recording(self, tick: NDArray[np.int64], reason: int) -> NDArray[np.void]:
        packets = np.zeros(len(tick), self.layout.system_packet(self.packet_bytes))
        packets["tick"], packets["kind"], packets["reason"] = tick, RECORDING_PACKET, reason
        return packets

    def _others(self, batch: NevBatch) -> NDArray[np.void]:
        packets = np.zeros(len(batch.other_tick), self.layout.system_packet(self.packet_bytes))
        _check_range(batch.other_kind, LARGEST_CHANNEL + 1, COMMENT_PACKET - 1, "packet ids of other kinds")
        packets["tick"], packets["kind"] = batch.other_tick, batch.other_kind
        return packets


def packing(layout: NevLayout, packet_bytes: int, electrodes: Sequence[NevElectrode]) -> Packing:
    """Describe how packets of a file are stored.

    Parameters
    ----------
    layout
        The specification.
    packet_bytes
        Size of every packet.
    electrodes
        Those whose samples are not 2 bytes wide.
    """
    return Packing(layout, packet_bytes, {one.electrode_id: one.bytes_per_sample for one in electrodes})


def _check_range(values: NDArray[np.int64], low: int, high: int, what: str) -> None:
    values = np.asarray(values)
    if len(values) and not (values.min() >= low and values.max() <= high):
        raise ValueError(f"{what} must be {low} to {high}")
