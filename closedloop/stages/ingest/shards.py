"""The crossings of some pieces of a recording, in a file that is written and read piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from closedloop import __version__
from closedloop.confined.npy import read_npy
from closedloop.detection.crossings import (
    DetectionPiece,
    PieceCrossings,
    crossings,
    detector_of,
    pieces_of,
    samples_read,
)
from closedloop.detection.definitions import Definition
from closedloop.detection.dropouts import Dropout
from closedloop.devices.port import RecordedSamples
from closedloop.errors import DocumentError
from closedloop.execution.shards import made_once, shard_name
from closedloop.execution.stored.piece import FilePiece
from closedloop.storage import open_new, open_to_read
from closedloop.storage.arrays import write_array

_FORMAT = "crossings 3"
_MOST_SHARDS, _LEAST_PIECES = 32, 6  # the piece before each shard's first is computed twice


@dataclass(frozen=True)
class CrossingsShard:
    """Pieces first to last (exclusive) of a recording, and the file that their crossings belong in."""

    samples: RecordedSamples
    definition: Definition
    first: int
    last: int
    path: Path
    chunk_samples: int | None


def shards_of(
    samples: RecordedSamples,
    definition: Definition,
    *,
    folder: Path,
    chunk_samples: int | None,
    pieces: range | None = None,
) -> tuple[CrossingsShard, ...]:
    """Divide a recording into shards; how many workers there are plays no part, so that another number can resume.

    Parameters
    ----------
    samples
        The file with raw voltage.
    definition
        Of a threshold crossing.
    folder
        Where the shards' files belong.
    chunk_samples
        Samples filtered at once, which changes memory and not the result; None: as many as suit.
    pieces
        Which of the recording's pieces are wanted; all if None.
    """
    wanted = range(len(pieces_of(samples, definition))) if pieces is None else pieces
    length = max(math.ceil(len(wanted) / _MOST_SHARDS), _LEAST_PIECES)
    inputs = _inputs(samples, definition)
    bounds = [(first, min(first + length, wanted.stop)) for first in range(wanted.start, wanted.stop, length)]
    return tuple(
        CrossingsShard(
            samples, definition, first, last, folder / f"{first:06d}-{shard_name(*inputs, first, last)}", chunk_samples
        )
        for first, last in bounds
    )


def _inputs(samples: RecordedSamples, definition: Definition) -> tuple[str, ...]:
    """Return what decides the crossings: the file as it is now, its channels, the definition, the code."""
    return _FORMAT, __version__, *samples.fingerprint(), repr(definition)


def leave_shard(shard: CrossingsShard) -> None:
    """Detect a shard unless its file is there."""
    made_once(shard.path, partial(_make, shard))


def _make(shard: CrossingsShard, path: Path) -> None:
    ids = shard.samples.electrode_ids
    detector = detector_of(shard.samples, shard.definition, electrode_ids=ids, chunk_samples=shard.chunk_samples)
    pieces = pieces_of(shard.samples, shard.definition)[shard.first : shard.last]
    with open_new(path) as stream:
        for found in crossings(detector, pieces):
            _write(stream, found)


def as_piece(shard: CrossingsShard) -> FilePiece:
    """Return the detection of a shard as a piece of work for any workers.

    Those that have a store are sent the part of the recording that it takes.

    Parameters
    ----------
    shard
        Of `shards_of`.
    """
    pieces = pieces_of(shard.samples, shard.definition)[shard.first : shard.last]
    reads = (
        part
        for span in samples_read(shard.samples, shard.definition, pieces)
        for part in shard.samples.file_parts(span.segment, span.start, span.stop)
    )
    return FilePiece(partial(leave_shard, shard), leaves=(shard.path,), reads=tuple(reads))


def read_shard(shard: CrossingsShard) -> Iterator[PieceCrossings]:
    """Read a shard's pieces, one at a time."""
    with open_to_read(shard.path) as stream:
        n_bytes = shard.path.stat().st_size
        for _ in range(shard.first, shard.last):
            try:
                found = _read(stream, n_bytes)
            except (ValueError, TypeError) as error:
                raise DocumentError(
                    f"{shard.path}: expected a shard of threshold crossings, found {error}. "
                    "Delete the file and run again: it is computed anew."
                ) from error
            yield found


def _write(stream: BinaryIO, found: PieceCrossings) -> None:
    place = np.array([found.piece.segment, found.piece.start, found.piece.stop], np.int64)
    row, channel = (found.sample - found.piece.start).astype(np.uint32), found.channel.astype(np.uint16)
    dropouts = np.array([(one.bank, one.start, one.stop, one.is_short) for one in found.dropouts], np.int64).reshape(
        -1, 4
    )
    for array in (place, row, channel, found.noise, dropouts):
        write_array(stream, array)


def _read(stream: BinaryIO, n_bytes: int) -> PieceCrossings:
    place, row, channel, noise, dropouts = (read_npy(stream, most_bytes=n_bytes) for _ in range(5))
    piece = DetectionPiece(*place.tolist())
    gone = tuple(Dropout(bank, start, stop, bool(is_short)) for bank, start, stop, is_short in dropouts.tolist())
    return PieceCrossings(piece, row.astype(np.int64) + piece.start, channel.astype(np.int64), noise, gone)
