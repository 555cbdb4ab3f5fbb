"""Spikes, digital codes and comments of a NEV file through neo, with the places guarded where neo loses events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import RecordingError
from closedloop.recording.neo_port import alone_for_neo, neo_failures, read_nev_packets
from closedloop.recording.nev_header import NevHeader, NevScan, packet_heads, read_nev_header, scan_packets
from closedloop.recording.nev_layout import COMMENT_PACKET, LARGEST_ELECTRODE, PARALLEL, SERIAL

_RESET_S = 1.0  # a smaller step back in time is jitter between packet streams, a larger one a reset of the clock
_MOST_STEPS_BACK = 1000  # neo's time grows with steps back times packets
_ENCODINGS = {0: "latin_1", 1: "utf_16_le", 255: "latin_1"}


@dataclass(frozen=True)
class NevEvents:
    """Everything that happened, each kind in time order.

    Ticks are int64 in the array's clock (`tick_hz` ticks a second). `spike_tick`, `spike_electrode` (the electrode's
    id) and `spike_unit` (0 is unsorted) have shape (n_spikes,); `code_tick` and `code_value` are the parallel digital
    port's, `serial_tick` and `serial_value` the serial port's; `comment_tick` goes with `comment_text`.
    `n_out_of_order` packets stood later in the file than their time and were sorted in; `n_other` packets were of kinds
    that are not read (video, tracking, buttons, configuration, pauses, unknown digital reasons).
    """

    tick_hz: int
    spike_tick: NDArray[np.int64]
    spike_electrode: NDArray[np.int64]
    spike_unit: NDArray[np.uint8]
    code_tick: NDArray[np.int64]
    code_value: NDArray[np.int64]
    serial_tick: NDArray[np.int64]
    serial_value: NDArray[np.int64]
    comment_tick: NDArray[np.int64]
    comment_text: tuple[str, ...]
    n_out_of_order: int
    n_other: int


def read_nev(file: Path) -> NevEvents:
    """Read all events of a NEV file.

    The whole file is first scanned for what neo loses: packets out of time order, electrode ids above 2048, a partial
    last packet. Packets up to one second out of order are sorted in and counted.

    Raises
    ------
    RecordingError
        The file cannot be read, its clock was reset, or neo would lose some of its events.
    """
    header = read_nev_header(file)
    scan = scan_packets(file, header)
    _check_scan(scan, header, file)
    if header.n_packets == 0:
        return _events({}, header, scan)
    with alone_for_neo(file, ".nev") as stem, neo_failures(file):
        packets = read_nev_packets(stem)
    _check_neo_saw_all(packets, scan, file)
    return _events(packets, header, scan)


def read_comments(file: Path, header: NevHeader) -> tuple[tuple[int, str], ...]:
    """Read the comments alone, as pairs of tick and text in the file's order, without holding the other packets."""
    dtype = header.layout.comment_packet(header.packet_bytes)
    batches = [batch[batch["kind"] == COMMENT_PACKET].view(dtype) for batch in packet_heads(file, header)]
    return tuple((int(row["tick"]), _comment(row["text"], row["charset"])) for batch in batches for row in batch)


def _check_scan(scan: NevScan, header: NevHeader, file: Path) -> None:
    if scan.n_unreadable:
        raise RecordingError(
            f"{file}: expected electrode ids 1 to {LARGEST_ELECTRODE}, found {scan.n_unreadable} packets with larger "
            "ones, which neo would drop. Convert the file with the recorder's tools."
        )
    if scan.largest_step_back > _RESET_S * header.tick_hz:
        step_s = scan.largest_step_back / header.tick_hz
        raise RecordingError(
            f"{file}: expected time stamps in order, found a step back of {step_s:.3f} s: "
            "the recorder's clock was reset. Split the file there with the recorder's tools."
        )
    if scan.n_steps_back > _MOST_STEPS_BACK:
        raise RecordingError(
            f"{file}: expected time stamps in order, found {scan.n_steps_back} steps back "
            f"(at most {_MOST_STEPS_BACK} are sorted in). Sort the file with the recorder's tools."
        )


def _check_neo_saw_all(packets: dict[str, NDArray[np.void]], scan: NevScan, file: Path) -> None:
    expected = (sum(scan.n_spikes.values()), scan.n_digital, scan.n_comments)
    found = tuple(len(packets[kind]) for kind in ("Spikes", "NonNeural", "Comments"))
    if found != expected:
        raise RecordingError(
            f"{file}: expected {expected} spikes, digital codes and comments, neo gives {found}. "
            "Report this file; nothing was read from it."
        )


def _events(packets: dict[str, NDArray[np.void]], header: NevHeader, scan: NevScan) -> NevEvents:
    spikes = _in_order(packets, "Spikes", scan)
    digital = _in_order(packets, "NonNeural", scan)
    comments = _in_order(packets, "Comments", scan)
    parallel, serial = _port(digital, PARALLEL), _port(digital, SERIAL)
    return NevEvents(
        tick_hz=header.tick_hz,
        spike_tick=_int64(spikes, "timestamp"),
        spike_electrode=_int64(spikes, "packet_id"),
        spike_unit=np.ascontiguousarray(_field(spikes, "unit_class_nb"), np.uint8),
        code_tick=_int64(parallel, "timestamp"),
        code_value=_int64(parallel, "digital_input"),
        serial_tick=_int64(serial, "timestamp"),
        serial_value=_int64(serial, "digital_input"),
        comment_tick=_int64(comments, "timestamp"),
        comment_text=tuple(_comment(row["comment"], row["char_set"]) for row in comments)
        if comments is not None
        else (),
        n_out_of_order=scan.n_steps_back,
        n_other=scan.n_other + _length(digital) - _length(parallel) - _length(serial),
    )


def _in_order(packets: dict[str, NDArray[np.void]], kind: str, scan: NevScan) -> NDArray[np.void] | None:
    rows = packets.get(kind)
    if rows is None or scan.n_steps_back == 0:
        return rows
    return rows[np.argsort(rows["timestamp"], kind="stable")]


def _port(digital: NDArray[np.void] | None, reason: int) -> NDArray[np.void] | None:
    return None if digital is None else digital[digital["packet_insertion_reason"] == reason]


def _length(rows: NDArray[np.void] | None) -> int:
    return 0 if rows is None else len(rows)


def _field(rows: NDArray[np.void] | None, name: str) -> NDArray[Any]:
    return np.zeros(0) if rows is None else rows[name]


def _int64(rows: NDArray[np.void] | None, name: str) -> NDArray[np.int64]:
    return _field(rows, name).astype(np.int64)


def _comment(data: bytes, charset: int) -> str:
    encoding = _ENCODINGS.get(int(charset), "latin_1")
    # numpy cuts trailing NULs, and with them the second byte of a last UTF-16 character
    data += b"\0" * (len(data) % 2) if encoding == "utf_16_le" else b""
    return data.decode(encoding, errors="replace").rstrip("\0").lstrip("\ufeff")
