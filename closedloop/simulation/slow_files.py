"""The slower files that a recorder writes beside the raw one: the analog inputs alone, fewer samples a second."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.blackrock.nsx.writer import WrittenChunk, write_nsx

RATES_HZ = {".ns1": 500, ".ns2": 1_000, ".ns3": 2_000, ".ns4": 10_000, ".ns5": 30_000, ".ns6": 30_000}
"""Samples a second of Blackrock's files, by suffix."""

_CHUNK_SAMPLES = 30_000 * 20


def write_slower(source: Path, target: Path, *, start: datetime) -> None:
    """Write the analog inputs of a recording as another of the recorder's files.

    Every so many samples of the source one is taken: what changes faster than the file's rate is not smoothed.

    Parameters
    ----------
    source
        An .ns6 of the simulated array.
    target
        An .ns1 to .ns5; its suffix decides the rate.
    start
        When recording began, as the other files have it.
    """
    samples = open_samples(source, kind="analog")
    rate_hz = RATES_HZ[target.suffix]
    write_nsx(
        target,
        samples.channels,
        rate_hz=rate_hz,
        specification=samples.header.specification,
        chunks=_chunks(samples, step=round(samples.rate_hz / rate_hz)),
        start=start,
        label="analog",
        comment=samples.header.comment,
    )


def _chunks(samples: NsxSamples, *, step: int) -> Iterator[WrittenChunk]:
    each_has_a_tick = samples.header.layout.one_sample_a_block
    for number, segment in enumerate(samples.segments):
        for first in range(0, segment.n_samples, _CHUNK_SAMPLES // step * step):
            stop = min(first + _CHUNK_SAMPLES // step * step, segment.n_samples)
            taken = np.arange(first, stop, step)
            ticks = samples.ticks(number, taken if each_has_a_tick else taken[:1])
            yield (ticks if each_has_a_tick else int(ticks[0])), samples.read(number, first, stop)[::step]
