"""Damage a written NSx file as recorders, disks and copies do: for tests, and for whoever needs such a file.

Every function changes the file in place. What comes from the times of the samples (a pause, a reset, drift, gaps and
jumps of a PTP clock) needs no damage: `blackrock.nsx.writer.write_nsx` writes it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np

from closedloop.blackrock.nsx.header import NsxHeader, read_nsx_header
from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.blackrock.nsx.writer import WrittenChunk, write_nsx
from closedloop.storage import atomic_stream, change_in_place, open_to_read, rename


def cut_to(file: Path, n_bytes: int) -> None:
    """Keep the first bytes alone: a copy that broke off, a full disk."""
    with change_in_place(file) as stream:
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
    first = int(header.runs.raw.first_byte[0]) - _block_header(header).itemsize
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


def tear(file: Path, *, every: int, missing: int = 0, again: int = 0) -> None:
    """Write a file anew in blocks (in a PTP file: rows of packets) of so many samples.

    Parameters
    ----------
    file
        The NSx, changed in place; not 2.1, which has no blocks.
    every
        A new block begins every so many samples of an uninterrupted segment.
    missing
        So many samples are missing at the end of each block but a segment's last: a hole, after which the clock is
        right.
    again
        Each block but a segment's first begins with the last so many samples of the one before once more, at their own
        ticks: two blocks that overlap.
    """
    source = open_samples(file)
    changed = file.with_name(f".{file.name}.changed")
    write_anew(changed, source, _torn(source, every=every, missing=missing, again=again))
    rename(changed, file)


def _torn(source: NsxSamples, *, every: int, missing: int, again: int) -> Iterator[WrittenChunk]:
    for number, segment in enumerate(source.segments):
        for first in range(0, segment.n_samples, every):
            start, stop = max(first - again, 0), first + every - missing
            yield _chunk(source, number, start, stop if stop < segment.n_samples - missing else segment.n_samples)


def _chunk(source: NsxSamples, segment: int, start: int, stop: int) -> WrittenChunk:
    ticks = source.ticks(segment, np.arange(start, stop))
    each = source.header.layout.one_sample_a_block
    return ticks if each else int(ticks[0]), source.read(segment, start, stop)


def leave_slow_copy(file: Path, *, suffix: str, every: int, stub: int) -> None:
    """Write every so many-th sample into a slow file beside a fast one, as Central 6.05 does.

    Parameters
    ----------
    file
        The fast NSx; not 2.1.
    suffix
        Of the slow file, for example ".ns1".
    every
        Of so many samples one.
    stub
        Length of the odd block that precedes every block but the first, at that block's own tick.
    """
    source = open_samples(file)
    write_anew(file.with_suffix(suffix), source, _slowed(source, every, stub), every=every)


def _slowed(source: NsxSamples, every: int, stub: int) -> Iterator[WrittenChunk]:
    for number, segment in enumerate(source.segments):
        sample = np.arange(0, segment.n_samples, every)
        ticks = source.ticks(number, sample)
        each = source.header.layout.one_sample_a_block
        slow = np.concatenate([source.read(number, at, at + 1) for at in sample.tolist()])
        if number and stub:
            yield ticks[:stub] if each else int(ticks[0]), slow[:stub]
        yield ticks if each else int(ticks[0]), slow


def write_anew(file: Path, source: NsxSamples, chunks: Iterator[WrittenChunk], *, every: int = 1) -> None:
    """Write a file from chunks of the samples of another, with that one's header.

    Parameters
    ----------
    file
        To write.
    source
        Where the samples are from.
    chunks
        First tick (or all ticks) and samples of each.
    every
        So many samples of the source are one of the file.
    """
    header = source.header
    write_nsx(
        file,
        header.channels,
        rate_hz=header.rate_hz / every,
        specification=header.specification,
        chunks=chunks,
        start=header.start or datetime(1970, 1, 1, tzinfo=UTC),
        tick_hz=header.tick_hz,
        label=header.label,
        comment=header.comment,
    )


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
    _insert(file, int(header.runs.raw.first_byte[before]) - block.itemsize, content)


def _block_header(header: NsxHeader) -> np.dtype[np.void]:
    if header.layout.block_header is None:
        raise ValueError(f"specification {header.specification} has no blocks")
    return header.layout.block_header


def _overwrite(file: Path, header: NsxHeader, *, block: int, name: str, value: int) -> None:
    head = _block_header(header)
    _write_field(file, int(header.runs.raw.first_byte[block]) - head.itemsize, head, name=name, value=value)


def _write_field(file: Path, at: int, row: np.dtype[np.void], *, name: str, value: int) -> None:
    with change_in_place(file) as stream:
        stream.seek(at + row.fields[name][1])  # type: ignore[index]
        stream.write(np.array(value, row[name]).tobytes())


def _insert(file: Path, at: int, content: bytes) -> None:
    """Copy the file with bytes inserted, and put the copy in its place."""
    with open_to_read(file) as source, atomic_stream(file) as target:
        _copy(source, target, at)
        target.write(content)
        shutil.copyfileobj(source, target)


def _copy(source: BinaryIO, target: BinaryIO, n_bytes: int) -> None:
    while n_bytes:
        piece = source.read(min(n_bytes, 1 << 20))
        if not piece:
            raise ValueError(f"the file ends {n_bytes} bytes before the place of insertion")
        target.write(piece)
        n_bytes -= len(piece)
