"""Damage a written NSx file as recorders, disks and copies do: for tests, and for whoever needs such a file.

Every function changes the file in place. What comes from the times of the samples (a pause, a reset, drift, gaps and
jumps of a PTP clock) needs no damage: `blackrock.nsx.writer.write_nsx` writes it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from closedloop.blackrock.nsx.header import NsxHeader, read_nsx_header
from closedloop.storage import storage_errors


def cut_to(file: Path, n_bytes: int) -> None:
    """Keep the first bytes alone: a copy that broke off, a full disk."""
    with _changing(file) as stream:
        stream.truncate(n_bytes)


def cut_off(file: Path, n_bytes: int) -> None:
    """Drop the last bytes."""
    cut_to(file, file.stat().st_size - n_bytes)


def forget_last_count(file: Path) -> None:
    """Write 0 for the number of samples of the last block, as a recorder leaves it that crashed."""
    write_last_count(file, 0)


def write_last_count(file: Path, n_samples: int) -> None:
    """Write any number of samples into the header of the last block."""
    header = read_nsx_header(file)
    _overwrite(file, header, block=-1, name="n_samples", value=n_samples)


def spoil_flag(file: Path, *, block: int, flag: int = 0) -> None:
    """Write another flag than 1 into the header of a block (in a PTP file, of the first packet of a segment).

    Parameters
    ----------
    file
        The NSx, changed in place.
    block
        Which block, from 0; -1 is the last.
    flag
        What is written.
    """
    _overwrite(file, read_nsx_header(file), block=block, name="flag", value=flag)


def spoil_packet(file: Path, *, packet: int, name: str, value: int) -> None:
    """Write a value into the "flag", "timestamp" or "n_samples" of one packet of a PTP file.

    Parameters
    ----------
    file
        The NSx, changed in place.
    packet
        Which packet, from 0.
    name, value
        Field, and what is written.
    """
    header = read_nsx_header(file)
    layout, packet_bytes = header.layout, header.layout.packet(len(header.channels)).itemsize
    first = header.first_bytes[0] - _block_header(header).itemsize
    _write_field(file, first + packet * packet_bytes, layout.packet(len(header.channels)), name=name, value=value)


def prepend_sync_stub(file: Path, *, n_samples: int = 1, first_tick: int = 0) -> None:
    """Insert a short run of zeros before all blocks, as two processors write it before their clocks are set to zero.

    Its tick is any; it stands in a clock segment of its own if it ends after the first block starts.

    Parameters
    ----------
    file
        The NSx, changed in place.
    n_samples
        Length of the run.
    first_tick
        Its first sample's tick.
    """
    _insert_block(file, before=0, n_samples=n_samples, first_tick=first_tick)


def insert_empty_block(file: Path, *, before: int, first_tick: int = 0) -> None:
    """Insert a header without samples before a block.

    Parameters
    ----------
    file
        The NSx, changed in place.
    before
        Which block it precedes, from 0.
    first_tick
        Tick in its header.
    """
    _insert_block(file, before=before, n_samples=0, first_tick=first_tick)


def _insert_block(file: Path, *, before: int, n_samples: int, first_tick: int) -> None:
    header = read_nsx_header(file)
    block = np.zeros(1, _block_header(header))
    block["flag"], block["timestamp"], block["n_samples"] = 1, first_tick, n_samples
    samples = np.zeros((n_samples, len(header.channels)), "<i2")
    content = block.tobytes() + samples.tobytes()
    if header.layout.one_sample_a_block:
        packets = np.zeros(n_samples, header.layout.packet(len(header.channels)))
        packets["flag"], packets["n_samples"] = 1, 1
        packets["timestamp"] = first_tick + np.round(np.arange(n_samples) * float(header.ticks_per_sample))
        content = packets.tobytes()
    _insert(file, header.first_bytes[before] - block.itemsize, content)


def _block_header(header: NsxHeader) -> np.dtype[np.void]:
    if header.layout.block_header is None:
        raise ValueError(f"specification {header.specification} has no blocks")
    return header.layout.block_header


def _overwrite(file: Path, header: NsxHeader, *, block: int, name: str, value: int) -> None:
    head = _block_header(header)
    _write_field(file, header.first_bytes[block] - head.itemsize, head, name=name, value=value)


def _write_field(file: Path, at: int, row: np.dtype[np.void], *, name: str, value: int) -> None:
    with _changing(file) as stream:
        stream.seek(at + row.fields[name][1])  # type: ignore[index]
        stream.write(np.array(value, row[name]).tobytes())


def _insert(file: Path, at: int, content: bytes) -> None:
    """Copy the file with bytes inserted, and put the copy in its place."""
    changed = file.with_name(f".{file.name}.changed")
    with storage_errors(file):
        with file.open("rb") as source, changed.open("wb") as target:
            _copy(source, target, at)
            target.write(content)
            shutil.copyfileobj(source, target)
        changed.replace(file)


def _copy(source: BinaryIO, target: BinaryIO, n_bytes: int) -> None:
    while n_bytes:
        piece = source.read(min(n_bytes, 1 << 20))
        if not piece:
            raise ValueError(f"the file ends {n_bytes} bytes before the place of insertion")
        target.write(piece)
        n_bytes -= len(piece)


@contextmanager
def _changing(file: Path) -> Iterator[BinaryIO]:
    with storage_errors(file), file.open("rb+") as stream:
        yield stream
