"""Pieces of a continuous recording, as they pass from whoever makes samples to the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.source import SampleSource

Chunk: TypeAlias = tuple[int, NDArray[np.int16]]
"""First tick of the chunk in the array's clock, and its samples, shape (n_samples, n_channels), in bits."""

AnyChunk: TypeAlias = tuple[int, NDArray[Any]]
"""A chunk of any number type."""


@dataclass(frozen=True)
class ChunksOf:
    """The samples of a source one chunk after the other, read anew by each iteration."""

    source: SampleSource
    chunk_samples: int = 30_000

    def __iter__(self) -> Iterator[AnyChunk]:
        for number, stretch in enumerate(self.source.stretches):
            for start in range(0, stretch.n_samples, self.chunk_samples):
                samples = self.source.read(number, start, min(start + self.chunk_samples, stretch.n_samples))
                yield int(self.source.ticks(number, np.array(start))), samples
