"""The packets of a NEV file, read in batches of bounded size: when, what kind, and its two small numbers.

Own reading instead of neo: neo maps the whole file and passes over it once a packet kind (22 CPU-s and 2.2 GB for a
file of 1 GB, measured), knows no electrode above 2048, and numbers segments by every step back in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.channel_kinds import LARGEST_ELECTRODE
from closedloop.blackrock.header_fields import read_exactly, read_into, readable, room_to_read
from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.layout import (
    ANALOG_SAMPLED,
    COMMENT_PACKET,
    DIGITAL_CHANGED,
    DIGITAL_PACKET,
    NOISE_UNIT,
    SERIAL,
)
from closedloop.errors import RecordingError

_BATCH_BYTES = 2 << 20  # stays in the processor's cache while its columns are taken out; 8 MB cost a third more
_HEAD_BYTES = 16  # hold the tick and three numbers; numpy copies so many in one go
_NEAR_PACKETS = 64  # packets between two wanted ones are read along: a few kB cost less than another read
LATEST_TICK = 1 << 62  # a tick above (no clock counts so far) is taken as this one, so that differences fit int64


@dataclass(frozen=True)
class Packets:
    """Packets in a row, shape (n,) each.

    `index` counts packets in the file, `kind` is the packet's id, `detail` and `value` its first two numbers
    (`NevLayout.packet_head`).
    """

    index: NDArray[np.int64]
    tick: NDArray[np.int64]
    kind: NDArray[np.uint16]
    detail: NDArray[np.uint16]
    value: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.tick)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Packets:
        """Return some of the packets."""
        return Packets(self.index[rows], self.tick[rows], self.kind[rows], self.detail[rows], self.value[rows])


NO_PACKETS = Packets(
    np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint16), np.zeros(0, np.uint16), np.zeros(0, np.uint16)
)


def concatenate_packets(*parts: Packets) -> Packets:
    """Concatenate packets."""
    rows = (NO_PACKETS, *parts)
    return Packets(
        np.concatenate([part.index for part in rows]),
        np.concatenate([part.tick for part in rows]),
        np.concatenate([part.kind for part in rows]),
        np.concatenate([part.detail for part in rows]),
        np.concatenate([part.value for part in rows]),
    )


def is_spike(packets: Packets) -> NDArray[np.bool_]:
    """Packets that carry a spike of an electrode: ids from 1 to the largest electrode's."""
    return np.asarray(packets.kind - np.uint16(1) < np.uint16(LARGEST_ELECTRODE))  # 0 wraps round to 65535


def is_noise(packets: Packets) -> NDArray[np.bool_]:
    """Of spike packets, those that the recorder's sorting took for noise (NEV specification, unit 255)."""
    return np.asarray(packets.detail & np.uint16(NOISE_UNIT) == NOISE_UNIT)


def is_code(packets: Packets) -> NDArray[np.bool_]:
    """Digital codes of the parallel port (NEV 2.1 to 3.0 specification, packet insertion reason: bit 0, without bit 7).

    In 2.1 and 2.2 other bits may be set as well: analog inputs that were sampled at the same time.
    """
    reason = packets.detail & (DIGITAL_CHANGED | SERIAL)
    return np.asarray((packets.kind == DIGITAL_PACKET) & (reason == DIGITAL_CHANGED))


def is_serial(packets: Packets) -> NDArray[np.bool_]:
    """Digital codes of the serial port (packet insertion reason: bit 7)."""
    return np.asarray((packets.kind == DIGITAL_PACKET) & (packets.detail & SERIAL != 0))


def is_analog(packets: Packets) -> NDArray[np.bool_]:
    """Digital packets stored for an analog input or the periodic sampling alone (2.1 and 2.2, reason: bits 1 to 6)."""
    reason = packets.detail & (DIGITAL_CHANGED | SERIAL | ANALOG_SAMPLED)
    own = (reason & ANALOG_SAMPLED != 0) & (reason & (DIGITAL_CHANGED | SERIAL) == 0)
    return np.asarray((packets.kind == DIGITAL_PACKET) & own)


def is_comment(packets: Packets) -> NDArray[np.bool_]:
    """Comments, NeuroMotive's included."""
    return np.asarray(packets.kind == COMMENT_PACKET)


def read_packets(
    file: Path,
    header: NevHeader,
    *,
    first: int = 0,
    stop: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Packets]:
    """Read packets `first` to `stop` (exclusive; None reads all) in the file's order.

    Parameters
    ----------
    progress
        Called with the number of packets of each batch.

    Raises
    ------
    RecordingError
        The file cannot be read, or has become shorter.
    """
    for batch in read_heads(file, header, first=first, stop=stop, progress=progress):
        index = np.arange(first, first + len(batch))
        yield Packets(index, ticks_of(batch), batch["kind"].copy(), batch["detail"].copy(), batch["value"].copy())
        first += len(batch)


def read_heads(
    file: Path,
    header: NevHeader,
    *,
    first: int = 0,
    stop: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[NDArray[np.void]]:
    """Read the heads of the same packets (`NevLayout.packet_head`) into a buffer that the next batch overwrites.

    They are copied together first: each number taken out of whole packets would bring all of them to the processor.

    Parameters
    ----------
    file
        The NEV.
    header
        Its header.
    first, stop
        Packets first to stop (exclusive); to the last one if None.
    progress
        Called with the number of packets of each batch.
    """
    stop = header.n_packets if stop is None else stop
    if first >= stop:
        return
    n_packets = max(1, min(_BATCH_BYTES // header.packet_bytes, stop - first))
    room = room_to_read(n_packets * header.packet_bytes, header.header_bytes + first * header.packet_bytes)
    head = np.dtype((np.void, min(_HEAD_BYTES, header.packet_bytes)))
    whole = np.ndarray((n_packets,), head, room, 0, (header.packet_bytes,))
    heads = np.empty(n_packets, head)
    batches = heads.view(header.layout.packet_head(head.itemsize))
    with readable(file), file.open("rb", buffering=0) as stream:
        stream.seek(header.header_bytes + first * header.packet_bytes)
        while first < stop:
            batch = batches[: stop - first]
            _fill(stream, memoryview(room.data)[: len(batch) * header.packet_bytes], file)
            np.copyto(heads[: len(batch)], whole[: len(batch)])
            yield batch
            first += len(batch)
            if progress is not None:
                progress(len(batch))


def ticks_of(batch: NDArray[np.void]) -> NDArray[np.int64]:
    """Copy the ticks out of packets."""
    latest = min(LATEST_TICK, int(np.iinfo(batch["tick"].dtype).max))
    return np.asarray(np.minimum(batch["tick"], latest), np.int64)


def tick_at(file: Path, header: NevHeader, index: int) -> int:
    """Read one packet's tick.

    Parameters
    ----------
    file
        The NEV.
    header
        Its header.
    index
        Which packet.
    """
    return next(int(ticks_of(batch)[0]) for batch in read_heads(file, header, first=index, stop=index + 1))


def packet_bytes_at(file: Path, header: NevHeader, index: NDArray[np.int64]) -> Iterator[bytes]:
    """Read single packets whole.

    Parameters
    ----------
    file
        The NEV.
    header
        Its header.
    index
        Which packets, shape (n,).
    """
    with readable(file), file.open("rb") as stream:
        for packet in index.tolist():
            stream.seek(header.header_bytes + packet * header.packet_bytes)
            yield read_exactly(stream, header.packet_bytes, file=file, what="a packet")


def contents_bytes(header: NevHeader) -> int:
    """Bytes of a packet after its tick, id, and unit or reason: a waveform, a code and analog values, a text."""
    return header.packet_bytes - header.layout.timestamp.itemsize - 4


def packet_contents(file: Path, header: NevHeader, index: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Read what packets hold, shape (n, `contents_bytes`), those that stand near each other in one read.

    Parameters
    ----------
    file
        The NEV.
    header
        Its header.
    index
        Which packets, shape (n,), in any order.
    """
    n_bytes = contents_bytes(header)
    rows = np.empty((len(index), n_bytes), np.uint8)
    order = np.argsort(index, kind="stable")
    breaks = np.flatnonzero(np.diff(index[order]) > _NEAR_PACKETS) + 1
    with readable(file), file.open("rb", buffering=0) as stream:
        for own in np.split(order, breaks) if len(order) else []:
            first, last = int(index[own[0]]), int(index[own[-1]])
            packets = np.empty((last - first + 1, header.packet_bytes), np.uint8)
            read_into(stream, packets, header.header_bytes + first * header.packet_bytes, file=file)
            rows[own] = packets[index[own] - first, header.packet_bytes - n_bytes :]
    return rows


def _fill(stream: RawIOBase, room: memoryview, file: Path) -> None:
    """Read into a buffer that is used again and again: fresh memory for every batch costs as much as the reading."""
    while len(room):
        n_read = stream.readinto(room)
        if not n_read:
            raise RecordingError(
                f"{file}: expected {len(room)} more bytes of packets, found the end of the file, which has become "
                "shorter. Read it again when nothing writes to it."
            )
        room = room[n_read:]
