"""Uninterrupted segments of a recording, and the runs of its clock (epochs) on which their ticks count.

Every time of a recording is keyed by (device, epoch, tick). Within an epoch the recorder's clock runs on, pauses
included; a reset of the clock opens the next epoch. Nothing is ever sorted or compared across epochs by tick alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """Samples, or packets, without a pause.

    `first_tick` is the tick of the first sample, `end_tick` that of the sample which would have come after the last.

    Examples
    --------
    >>> from closedloop.recording import Segment
    >>> segment = Segment(epoch=0, first_tick=0, end_tick=30_000, n_samples=1_000)
    >>> segment.end_tick - segment.first_tick
    30000
    """

    epoch: int
    first_tick: int
    end_tick: int
    n_samples: int
