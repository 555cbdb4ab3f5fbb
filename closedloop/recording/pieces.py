"""Cut a stream of chunks into pieces of fixed length with margins, whatever the chunks' own lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.chunks import AnyChunk


@dataclass(frozen=True)
class Piece:
    """Samples with margins, shape (n_channels, n_samples).

    `core` is the part that belongs to this piece alone, `core_tick` the tick of its first sample; `opens_stretch` tells
    whether nothing uninterrupted comes before it.
    """

    samples: NDArray[Any]
    core: slice
    core_tick: int
    opens_stretch: bool


def pieces(chunks: Iterable[AnyChunk], *, core: int, margin: int, ticks_per_sample: int) -> Iterator[Piece]:
    """Cut every uninterrupted stretch, from its start, into pieces of `core` samples, the last one shorter.

    Each piece comes with up to `margin` samples of the same stretch on either side. At most
    ``core + 2 * margin`` samples and one chunk are held.

    Raises
    ------
    ValueError
        A chunk starts before the one before it ended.
    """
    stretch: _Stretch | None = None
    for first_tick, samples in chunks:
        if len(samples) == 0:
            continue
        if stretch is None or first_tick != stretch.next_tick:
            if stretch is not None:
                _check_forward(first_tick, stretch.next_tick)
                yield from stretch.finish()
            stretch = _Stretch(first_tick, core, margin, ticks_per_sample)
        yield from stretch.push(samples)
    if stretch is not None:
        yield from stretch.finish()


def _check_forward(first_tick: int, next_tick: int) -> None:
    if first_tick < next_tick:
        raise ValueError(f"a chunk starts at tick {first_tick}, before {next_tick}, the end of the last")


@dataclass
class _Stretch:
    """Samples of one stretch still needed: `held` begins at sample `held_from`, the next core at `start`."""

    first_tick: int
    core: int
    margin: int
    step: int
    held: list[NDArray[Any]] = field(default_factory=list)
    held_from: int = 0
    end: int = 0
    start: int = 0

    @property
    def next_tick(self) -> int:
        return self.first_tick + self.end * self.step

    def push(self, samples: NDArray[Any]) -> Iterator[Piece]:
        self.held.append(samples)
        self.end += len(samples)
        while self.end >= self.start + self.core + self.margin:
            yield self._cut(self.start + self.core)

    def finish(self) -> Iterator[Piece]:
        while self.start < self.end:
            yield self._cut(min(self.start + self.core, self.end))

    def _cut(self, stop: int) -> Piece:
        held = np.concatenate(self.held) if len(self.held) > 1 else self.held[0]
        low, high = max(self.start - self.margin, 0), min(stop + self.margin, self.end)
        piece = Piece(
            samples=np.ascontiguousarray(held[low - self.held_from : high - self.held_from].T),
            core=slice(self.start - low, stop - low),
            core_tick=self.first_tick + self.start * self.step,
            opens_stretch=self.start == 0,
        )
        keep = max(stop - self.margin, 0)
        self.held, self.held_from, self.start = [held[keep - self.held_from :].copy()], keep, stop
        return piece
