"""What the two ends of a recording's file say, without reading what lies between: is it whole, and how long is it.

For looking at a file of hundreds of gigabytes every few seconds. A copy that is not finished shows itself at the file's
end: a packet or a block that is cut or, where the copy took the room for the whole file beforehand, zeros.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from closedloop.blackrock.header_fields import read_exactly, readable
from closedloop.blackrock.nev.header import read_nev_header
from closedloop.blackrock.nsx.header import read_nsx_header
from closedloop.blackrock.nsx.layout import NSX_LAYOUTS, PTP_TICK_HZ
from closedloop.recording.segments import Segment

_TAIL_BYTES = 1 << 16
_SILENT_ROWS, _SILENT_BYTES = 8, 128  # no amplifier gives zero that often on all channels at once
_PTP = NSX_LAYOUTS["3.0-ptp"]


@dataclass(frozen=True)
class FileEnds:
    """A recording's file by its ends.

    Attributes
    ----------
    n_bytes
        Its size.
    application
        What wrote it, as its header says; empty in an NSx.
    seconds
        What it spans, pauses included; None of a NEV, whose clock may have been set back anywhere.
    fault
        Why it is not whole, to follow its name ("ends within a packet"); empty where nothing shows.
    """

    n_bytes: int
    application: str
    seconds: float | None
    fault: str


def read_ends(file: Path) -> FileEnds:
    """Look at a NEV or NSx file's headers and ends.

    Parameters
    ----------
    file
        A ``.nev`` or ``.ns1`` to ``.ns6`` file.

    Raises
    ------
    RecordingError
        The file is missing or cannot be read, or its headers are foreign, corrupt or cut short.
    """
    n_bytes = _size(file)
    if n_bytes == 0:
        return FileEnds(0, "", None, "is empty")
    return _nev_ends(file, n_bytes) if file.suffix.lower() == ".nev" else _nsx_ends(file, n_bytes)


def _size(file: Path) -> int:
    with _open(file) as stream:
        return stream.seek(0, os.SEEK_END)


def _open(file: Path) -> BinaryIO:
    with readable(file):
        return file.open("rb")


def _nev_ends(file: Path, n_bytes: int) -> FileEnds:
    header = read_nev_header(file)
    n_packets, packet_bytes = header.n_packets, header.packet_bytes
    rest = (n_bytes - header.header_bytes) % packet_bytes
    with _open(file) as stream:
        fault = _first_fault(
            lambda: f"ends within a packet, after {rest} of {packet_bytes} bytes" if rest else "",
            lambda: "holds no packet" if n_packets == 0 else "",
            lambda: _zeros(stream, n_bytes, least=packet_bytes),
            lambda: _room(stream, n_bytes),
        )
    return FileEnds(n_bytes, header.application, None, fault)


def _nsx_ends(file: Path, n_bytes: int) -> FileEnds:
    with _open(file) as stream:
        packets = _packets(stream, file, n_bytes)
        if packets is not None:
            return packets
    header = read_nsx_header(file)
    row_bytes = 2 * len(header.channels)
    with _open(file) as stream:
        fault = _first_fault(
            lambda: f"is not whole: {header.lost[0]}" if header.lost else "",
            lambda: "" if header.segments else "holds no sample",
            lambda: _zeros(stream, n_bytes, least=max(_SILENT_ROWS * row_bytes, _SILENT_BYTES)),
            lambda: _room(stream, n_bytes),
        )
    return FileEnds(n_bytes, "", _span_s(header.segments, header.tick_hz), fault)


def _span_s(segments: Sequence[Segment], tick_hz: int) -> float:
    """Add up what each clock segment spans, its pauses included."""
    spans: dict[int, tuple[int, int]] = {}
    for segment in segments:
        first, _ = spans.get(segment.clock_segment, (segment.first_tick, 0))
        spans[segment.clock_segment] = (first, segment.end_tick)
    return sum(stop - first for first, stop in spans.values()) / tick_hz


def _packets(stream: BinaryIO, file: Path, n_bytes: int) -> FileEnds | None:
    """Look at the first and the last packet of a PTP file; None where the file is none of packets."""
    basic = np.frombuffer(stream.read(_PTP.basic_header.itemsize).ljust(_PTP.basic_header.itemsize), _PTP.basic_header)
    head = basic[0]
    if bytes(head["file_id"]) != _PTP.file_id or int(head["resolution"]) != PTP_TICK_HZ or not head["n_channels"]:
        return None
    packet = _PTP.packet(int(head["n_channels"]))
    first_byte = int(head["header_bytes"])
    n_packets, rest = divmod(max(n_bytes - first_byte, 0), packet.itemsize)
    if not n_packets:
        return FileEnds(n_bytes, "", 0.0, "holds no sample")
    first, last = (_packet(stream, file, packet, at) for at in (first_byte, n_bytes - rest - packet.itemsize))
    if int(first["n_samples"]) != 1:
        return None
    sound = (int(last["flag"]), int(last["n_samples"])) == (1, 1)
    fault = _first_fault(
        lambda: f"ends within a packet, after {rest} of {packet.itemsize} bytes" if rest else "",
        lambda: "" if sound else "ends with what is no packet: the copy took its room and has not filled it",
        lambda: _room(stream, n_bytes),
    )
    seconds = max(int(last["timestamp"]) - int(first["timestamp"]), 0) / PTP_TICK_HZ if sound else 0.0
    return FileEnds(n_bytes, "", seconds, fault)


def _packet(stream: BinaryIO, file: Path, packet: np.dtype[np.void], at: int) -> np.void:
    stream.seek(at)
    row: np.void = np.frombuffer(read_exactly(stream, packet.itemsize, file=file, what="a packet"), packet)[0]
    return row


def _first_fault(*checks: Callable[[], str]) -> str:
    return next((fault for check in checks if (fault := check())), "")


def _zeros(stream: BinaryIO, n_bytes: int, *, least: int) -> str:
    """Find zeros at the end, at least so many: room that was taken for the whole file, and is not filled yet."""
    stream.seek(max(n_bytes - _TAIL_BYTES, 0))
    tail = stream.read(_TAIL_BYTES)
    n_zeros = len(tail) - len(tail.rstrip(b"\0"))
    if n_zeros < least:
        return ""
    return f"ends with {'at least ' * (n_zeros == len(tail))}{n_zeros} bytes of zeros: the copy has not filled them"


def _room(stream: BinaryIO, n_bytes: int) -> str:
    """Find room in the middle that nothing was written to, where the file system knows of it."""
    with suppress(OSError, AttributeError):
        hole = os.lseek(stream.fileno(), 0, os.SEEK_HOLE)
        if hole < n_bytes:
            return f"has not been filled from byte {hole} on"
    return ""
