"""The walk over the data blocks of an NSx file: every header is looked at, no sample is read.

A file whose recorder crashed or whose copy broke off still holds its samples; the walk finds what is there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from closedloop.blackrock.nsx.walk import LARGEST_TICK, DataPart, FoundData, RunList
from closedloop.errors import RecordingError
from closedloop.recording.source import regular_ticks

_MOST_EMPTY = 100_000  # blocks; a recorder leaves one at a pause
_MOST_BLOCKS = 600_000  # as many runs as we take, and the empty ones


@dataclass(frozen=True)
class _DataBlock:
    """A block as its header describes it, and where its samples start."""

    flag: int
    first_tick: int
    n_samples: int
    byte: int


def one_block(part: DataPart) -> FoundData:
    """Take everything after the headers for one run of samples from tick 0 (specification 2.1)."""
    found = RunList(part)
    n_samples, rest = divmod(part.size - part.first_byte, part.sample_bytes)
    if rest:
        found.lose(f"the last sample is cut after {rest} of {part.sample_bytes} bytes and left out")
    if n_samples:
        _add(found, part, _DataBlock(1, 0, n_samples, part.first_byte))
    return found.found()


def walk_blocks(stream: BinaryIO, part: DataPart) -> FoundData:
    """Find the segments of a file of data blocks, and what of a broken end can be saved.

    Repaired are a last block that is cut anywhere, one whose number of samples the recorder did not come to write, and
    a wrong flag byte before an otherwise sound rest. After any other damage there is no way back to the blocks: what
    comes before it is kept.

    Raises
    ------
    RecordingError
        Nothing is left.
    """
    found = RunList(part)
    at, index, n_empty, rest_is_sound = part.first_byte, 0, 0, False
    while at < part.size:
        block = _block_at(stream, part, at)
        fault = _header_fault(block, part, at)
        if block is None or (fault and not _repair_flag(stream, part, block, found, index)):
            found.lose(f"data block {index} {fault}; the last {part.size - at} bytes of the file are left out")
            break
        if block.n_samples == 0 and block.byte < part.size:
            rest_is_sound = rest_is_sound or _leads_to_end(stream, part, block.byte)
        whole = block if rest_is_sound else _repair_count(block, part, found, index)
        n_empty += whole is block and block.n_samples == 0
        if n_empty > _MOST_EMPTY:
            raise _too_many(part, f"{_MOST_EMPTY} data blocks without a sample")
        _add(found, part, whole)
        at = part.size if whole is not block else block.byte + block.n_samples * part.sample_bytes
        index += 1
    if n_empty:
        found.repair(f"{n_empty} data blocks without a sample were passed over")
    return found.found()


def _block_at(stream: BinaryIO, part: DataPart, at: int) -> _DataBlock | None:
    """Read a block's header; None where the file ends within it."""
    header = part.layout.block_header
    if header is None or at + header.itemsize > part.size:
        return None
    stream.seek(at)
    raw = stream.read(header.itemsize)
    if len(raw) < header.itemsize:
        return None
    flag, first_tick, n_samples = np.frombuffer(raw, header)[0].item()
    return _DataBlock(flag, first_tick, n_samples, at + header.itemsize)


def _header_fault(block: _DataBlock | None, part: DataPart, at: int) -> str:
    if block is None:
        return f"is cut within its header, after {part.size - at} bytes"
    if block.flag != 1:
        return f"starts with {block.flag} in place of 1"
    return f"starts at tick {block.first_tick}, beyond any clock" if block.first_tick > LARGEST_TICK else ""


def _repair_flag(stream: BinaryIO, part: DataPart, block: _DataBlock, found: RunList, index: int) -> bool:
    """Accept a block with a wrong flag if it and all blocks after it end exactly where the file does."""
    end = block.byte + block.n_samples * part.sample_bytes
    sound = block.first_tick <= LARGEST_TICK and block.n_samples > 0 and _leads_to_end(stream, part, end)
    if sound:
        found.repair(f"data block {index} starts with {block.flag} in place of 1; the rest of the file is sound")
    return sound


def _too_many(part: DataPart, what: str) -> RecordingError:
    return RecordingError(
        f"{part.file}: expected at most {what}, found more. The blocks make no sense: copy the file again."
    )


def _leads_to_end(stream: BinaryIO, part: DataPart, at: int) -> bool:
    """Whether block headers follow one another from here exactly to the end of the file."""
    n_blocks = 0
    while at < part.size:
        block = _block_at(stream, part, at)
        if block is None or _header_fault(block, part, at):
            return False
        n_blocks += 1
        if n_blocks > _MOST_BLOCKS:
            raise _too_many(part, f"{_MOST_BLOCKS} data blocks")
        at = block.byte + block.n_samples * part.sample_bytes
    return at == part.size


def _repair_count(block: _DataBlock, part: DataPart, found: RunList, index: int) -> _DataBlock:
    """Count a block's samples by the file's size where its header has none or too many."""
    held, rest = divmod(part.size - block.byte, part.sample_bytes)
    if 0 < block.n_samples <= held or held == rest == 0 == block.n_samples:
        return block
    partial = f", and {rest} bytes of a sample that was cut and is left out" if rest else ""
    if block.n_samples == 0:
        found.lose(f"data block {index} was never closed by the recorder: {held} samples found{partial}")
    else:
        found.lose(f"the file is cut within data block {index}: {held} of {block.n_samples} samples found{partial}")
    return replace(block, n_samples=held)


def _add(found: RunList, part: DataPart, block: _DataBlock) -> None:
    """Append a block that has samples."""
    if block.n_samples == 0:
        return
    found.add(
        first_tick=block.first_tick,
        end_tick=_tick_after(block.first_tick, block.n_samples, part.ticks_per_sample),
        n_samples=block.n_samples,
        byte=block.byte,
    )


def _tick_after(first_tick: int, n_samples: int, ticks_per_sample: Fraction) -> int:
    return int(regular_ticks(first_tick, np.array(n_samples), ticks_per_sample))
