"""Samples of an NSx file through neo, in bounded memory, with the places guarded where neo loses data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import RecordingError
from closedloop.recording.chunks import Chunk
from closedloop.recording.neo_port import alone_for_neo, neo_failures, nsx_reader
from closedloop.recording.nsx_header import NsxBlock, NsxChannel, NsxHeader, read_nsx_header

_ANY_NUMBER = 6  # the link's extension; neo takes the rate from the header, not from the number


@dataclass(frozen=True)
class NsxSamples:
    """The samples of some channels, read anew by each iteration.

    Iterating gives ``(first_tick, samples)`` with samples int16, shape (n_samples, n_channels), in bits, at most
    `chunk_samples` long; a chunk never spans a pause.
    """

    file: Path
    header: NsxHeader
    channels: tuple[NsxChannel, ...]
    columns: tuple[int, ...]
    chunk_samples: int

    @property
    def rate_hz(self) -> float:
        """Samples per second."""
        return self.header.rate_hz

    @property
    def ticks_per_sample(self) -> int:
        """Ticks of the array's clock from one sample to the next."""
        return self.header.ticks_per_sample

    @property
    def scale(self) -> NDArray[np.float64]:
        """Units per bit, shape (n_channels,)."""
        return np.array([channel.scale for channel in self.channels])

    @property
    def offset(self) -> NDArray[np.float64]:
        """Units at bit zero, shape (n_channels,)."""
        return np.array([channel.offset for channel in self.channels])

    def __iter__(self) -> Iterator[Chunk]:
        with (
            alone_for_neo(self.file, f".ns{_ANY_NUMBER}") as stem,
            neo_failures(self.file),
            nsx_reader(stem, _ANY_NUMBER) as reader,
        ):
            _check_neo_saw_all(reader, self.header, self.file)
            for segment, block in enumerate(self.header.blocks):
                yield from self._block_chunks(reader, segment, block)

    def _block_chunks(self, reader: Any, segment: int, block: NsxBlock) -> Iterator[Chunk]:
        for start in range(0, block.n_samples, self.chunk_samples):
            stop = min(start + self.chunk_samples, block.n_samples)
            view = reader.get_analogsignal_chunk(
                seg_index=segment, i_start=start, i_stop=stop, stream_index=0, channel_indexes=list(self.columns)
            )
            yield block.first_tick + start * self.ticks_per_sample, np.array(view, dtype=np.int16)


def open_samples(file: Path, *, channel_ids: Sequence[int] | None = None, chunk_samples: int = 30_000) -> NsxSamples:
    """Open an NSx file for reading samples in chunks.

    Parameters
    ----------
    file
        An ``.ns1`` to ``.ns6`` file.
    channel_ids
        Which channels, in this order; all of the file if None.
    chunk_samples
        Longest chunk, in samples.

    Raises
    ------
    RecordingError
        The file cannot be read, lacks a channel, or neo would lose or misplace some of its samples.
    """
    if chunk_samples < 1:
        raise ValueError(f"chunk_samples must be at least 1, not {chunk_samples}")
    header = read_nsx_header(file)
    _check_one_clock(header, file)
    columns = _columns(header, channel_ids, file)
    return NsxSamples(file, header, tuple(header.channels[column] for column in columns), columns, chunk_samples)


def _columns(header: NsxHeader, channel_ids: Sequence[int] | None, file: Path) -> tuple[int, ...]:
    if channel_ids is None:
        return tuple(range(len(header.channels)))
    column_of = {channel.channel_id: column for column, channel in enumerate(header.channels)}
    missing = [channel_id for channel_id in channel_ids if channel_id not in column_of]
    if missing:
        raise RecordingError(
            f"{file}: expected channels {missing[:8]}, found {len(column_of)} others. "
            "See `closedloop recording info` for the channels of the file."
        )
    return tuple(column_of[channel_id] for channel_id in channel_ids)


def _check_one_clock(header: NsxHeader, file: Path) -> None:
    """Refuse what neo drops (blocks below two samples) and what has no single time line (a clock reset)."""
    for index, block in enumerate(header.blocks):
        if block.n_samples < 2:
            raise RecordingError(
                f"{file}: expected data blocks of at least 2 samples, found {block.n_samples} in block {index}, "
                "which neo would drop. Split the file at this block with the recorder's tools."
            )
    for index, (before, after) in enumerate(zip(header.blocks, header.blocks[1:], strict=False)):
        end = before.first_tick + before.n_samples * header.ticks_per_sample
        if after.first_tick < end:
            raise RecordingError(
                f"{file}: expected block {index + 1} to start at tick {end} or later, found {after.first_tick}: "
                "the recorder's clock was reset. Split the file at this block with the recorder's tools."
            )


def _check_neo_saw_all(reader: Any, header: NsxHeader, file: Path) -> None:
    found = [reader.get_signal_size(0, segment, 0) for segment in range(reader.segment_count(0))]
    expected = [block.n_samples for block in header.blocks]
    if found != expected:
        raise RecordingError(
            f"{file}: expected {len(expected)} blocks with {sum(expected)} samples, neo gives {len(found)} with "
            f"{sum(found)}. Report this file; nothing was read from it."
        )
