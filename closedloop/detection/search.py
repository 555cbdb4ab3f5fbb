"""What is looked for in a filtered piece, and what was found: one pass gives both the noise and the crossings.

The threshold is known only when the median of the whole piece is. So the pass keeps what lies in a bracket around the
median, counts what lies below it, and keeps every sample that could be under the threshold; then the median is exact,
and the samples are judged. Where the bracket missed, the channel is done again (`crossings`).
"""

from __future__ import annotations

import math
import mmap
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from closedloop.detection.loops.tiles import AT_ONCE, LANES

UNDER = np.dtype([("row", np.int32), ("value", np.float32)])
_INSIDE_SHARE = 0.1875  # most of a piece that a bracket can hold: half as much again as it holds on average
_COEFFICIENTS = 256  # more than any filter's, both ways
_UNDER_SHARE = 0.125  # most samples that may lie under a threshold

Floats32 = NDArray[np.float32]


class Seek(NamedTuple):
    """Per channel, (n_tiles, LANES): the bracket of the median of |v|, and the weakest threshold.

    The bracket is [low, low + width), `width` in steps of float32. `measured` says in which rows of the piece the noise
    is looked for: some of every `every`-th.
    """

    low: Floats32
    width: NDArray[np.uint32]
    weakest: Floats32
    measured: NDArray[np.bool_]
    every: int


class FilterReach(NamedTuple):
    """How far a piece is filtered, in rows from its start.

    Attributes
    ----------
    done, known
        Filtered both ways; filtered forwards.
    lookahead
        Rows that have to be known after one that is filtered backwards.
    stop, end
        Rows wanted, and needed.
    """

    done: int
    known: int
    lookahead: int
    stop: int
    end: int

    def after(self, n_rows: int) -> FilterReach:
        """Return the place after so many more rows."""
        known = self.known + n_rows
        done = self.stop if known == self.end else max(known - self.lookahead, self.done)
        return self._replace(done=done, known=known)


class SearchResult(NamedTuple):
    """Per channel, (n_tiles, LANES): how many |v| below the bracket and inside, and how many samples may be spikes.

    `inside` (steps of float32 above the lower end of the bracket) and `under` hold those, as far as there is room. The
    loops work in `wave`, `table`, `excess` and `n_before`: they allocate nothing.
    """

    n_below: NDArray[np.int64]
    inside: NDArray[np.uint32]
    n_inside: NDArray[np.int64]
    under: NDArray[np.void]
    n_under: NDArray[np.int64]
    wave: Floats32
    table: Floats32
    excess: NDArray[np.uint32]
    n_before: NDArray[np.int64]

    def clear(self) -> None:
        """Forget the last piece."""
        for counts in (self.n_below, self.n_inside, self.n_under):
            counts.fill(0)


def allocate(n_tiles: int, n_rows: int, *, n_measured: int) -> SearchResult:
    """Allocate room for pieces of up to so many rows: large pages for sizes, as two thirds are used, else `_sparse`.

    Parameters
    ----------
    n_tiles
        Groups of `LANES` channels.
    n_rows, n_measured
        Most rows of a piece, and most of them in which the noise is looked for.
    """
    counts = [np.zeros((n_tiles, LANES), np.int64) for _ in range(3)]
    inside = np.empty((n_tiles, LANES, int(n_measured * _INSIDE_SHARE) + AT_ONCE), np.uint32)
    under = _sparse((n_tiles, LANES, int(n_rows * _UNDER_SHARE) + 1), UNDER)
    wave, excess = np.zeros((2 * AT_ONCE, LANES), np.float32), np.empty((AT_ONCE, LANES), np.uint32)
    table = np.zeros((_COEFFICIENTS, LANES), np.float32)
    return SearchResult(
        counts[0], inside, counts[1], under, counts[2], wave, table, excess, np.zeros((2, LANES), np.int64)
    )


def _sparse(shape: tuple[int, ...], kind: np.dtype[Any]) -> NDArray[Any]:
    """Return memory of which only the pages that are written to are taken.

    numpy asks for pages of 2 MB, all of which the system would have to clear, though a tenth is used. Private to the
    process: pages that could be shared take twice as long.
    """
    room = mmap.mmap(-1, max(math.prod(shape) * kind.itemsize, 1), access=mmap.ACCESS_COPY)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # a system without large pages
            room.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(room, kind, math.prod(shape)).reshape(shape)


def steps(sizes: Floats32) -> NDArray[np.uint32]:
    """Turn positive values of float32 into whole numbers whose differences are its steps."""
    return sizes.view(np.uint32)


def sizes(numbers: NDArray[np.uint32]) -> Floats32:
    """Turn such numbers back."""
    return numbers.view(np.float32)
