"""The two lists that an alignment brings together: codes sent by the rig, codes received by the recorder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.code_matching import UNPAIRED


@dataclass(frozen=True)
class SentCodes:
    """What the rig says it sent, in order.

    Parameters
    ----------
    code
        Codes, shape (n_sent,).
    time_s
        When each was sent on the rig's clock, seconds, shape (n_sent,), not decreasing within a segment.
    segment
        The run of the rig that sent it, shape (n_sent,), not decreasing; one run if None.
    lit
        Whether the photodiode's patch went white with it (an image's onset does, a trial's start does not), shape
        (n_sent,); all if None.
    """

    code: NDArray[np.int64]
    time_s: NDArray[np.float64]
    segment: NDArray[np.int64] | None = None
    lit: NDArray[np.bool_] | None = None

    @property
    def segment_ids(self) -> NDArray[np.int64]:
        """Segment of every code."""
        return np.zeros(len(self.code), np.int64) if self.segment is None else self.segment

    @property
    def is_lit(self) -> NDArray[np.bool_]:
        """Whether light is expected with every code."""
        return np.ones(len(self.code), bool) if self.lit is None else self.lit


@dataclass(frozen=True)
class ReceivedCodes:
    """What the recorder received: ticks of its clock, not decreasing, and values, both shape (n_received,)."""

    tick: NDArray[np.int64]
    value: NDArray[np.int64]
    tick_hz: float = 30_000.0

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Times on the array's clock, seconds."""
        return self.tick / self.tick_hz


def check_lists(sent: SentCodes, received: ReceivedCodes) -> None:
    """Refuse lists that are out of order or do not fit together.

    Raises
    ------
    ValueError
        Times that decrease, or arrays of different lengths.
    """
    within = np.diff(sent.segment_ids) == 0
    if len(sent.code) != len(sent.time_s) or (np.diff(sent.time_s)[within] < 0).any():
        raise ValueError("sent codes need one time each, not decreasing within a segment")
    if (np.diff(sent.segment_ids) < 0).any():
        raise ValueError("segments of the sent codes must not decrease")
    if len(received.tick) != len(received.value) or (np.diff(received.tick) < 0).any():
        raise ValueError("received codes need one tick each, not decreasing")


def take(values: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take values at the indices; where unpaired (-1), zero."""
    return np.append(values, 0)[index]


def changed_codes(sent: SentCodes, received: ReceivedCodes, index: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark sent codes that arrived with flipped bits, shape (n_sent,)."""
    changed: NDArray[np.bool_] = (index != UNPAIRED) & (take(received.value, index) != sent.code)
    return changed
