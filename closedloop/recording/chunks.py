"""Pieces of a continuous recording, as they pass from a file to whoever computes on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Chunk: TypeAlias = tuple[int, NDArray[np.int16]]
"""First tick of the chunk in the array's clock, and its samples, shape (n_samples, n_channels), in bits."""

AnyChunk: TypeAlias = tuple[int, NDArray[Any]]
"""A chunk of any number type."""


def rescaled(
    chunks: Iterable[AnyChunk], *, scale: NDArray[np.float64], offset: NDArray[np.float64]
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Turn chunks of bits into chunks in the channels' units.

    Parameters
    ----------
    chunks
        Pairs of first tick and samples, shape (n_samples, n_channels).
    scale, offset
        Units per bit and units at bit zero, shape (n_channels,).
    """
    for first_tick, samples in chunks:
        yield first_tick, samples * scale + offset
