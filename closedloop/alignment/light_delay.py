"""How long after its digital code each flash of the photodiode's patch was bright, flash by flash, none left out.

Unlike a session's onsets nothing is expected of a delay: a flash has the first edge that comes after it and before the
next one, so that a display that is late by frames now and then is seen as what it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.codes import Edges

_EARLY_S = 0.05
"""Light may come before the code: the flip's return is late, and a code on a slow line later."""
_LATEST_S = 0.25

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FlashDelays:
    """What became of flashes.

    Attributes
    ----------
    delay_ms
        From code to light, shape (n_flashes,); NaN without the one or the other.
    has_code
        Whether the code was received, shape (n_flashes,).
    n_extra
        Edges between the first and the last flash that are no flash's first.
    """

    delay_ms: Floats
    has_code: NDArray[np.bool_]
    n_extra: int

    @property
    def n_missed(self) -> int:
        """Flashes with a code and without light."""
        return int(np.count_nonzero(self.has_code & np.isnan(self.delay_ms)))


def flash_delays(
    time_s: Floats, clock_segment: NDArray[np.integer], code_tick: Floats, *, edges: Edges, tick_hz: float
) -> FlashDelays:
    """Give each flash its light.

    Parameters
    ----------
    time_s
        When each flash was shown on the rig's clock, seconds, increasing, shape (n_flashes,).
    clock_segment, code_tick
        Where its code is in the recording, shape (n_flashes,); NaN where it was lost.
    edges
        When the photodiode saw the screen become bright.
    tick_hz
        Ticks per second.
    """
    delay_ms, n_extra = np.full(len(time_s), np.nan), 0
    for segment in np.unique(clock_segment[np.isfinite(code_tick)]):
        own = (clock_segment == segment) & np.isfinite(code_tick)
        flashes = np.flatnonzero((time_s >= time_s[own][0]) & (time_s <= time_s[own][-1]))
        # A flash whose code was lost has its place by the flashes around it: its light is no other's.
        shown_s = np.interp(time_s[flashes], time_s[own], code_tick[own] / tick_hz)
        edge_s = np.sort(edges.tick[edges.clock_segment == segment]) / tick_hz
        first = np.searchsorted(edge_s, shown_s - _EARLY_S)
        end = np.append(first[1:], np.searchsorted(edge_s, shown_s[-1] + _LATEST_S))
        seen = (first < end) & (np.append(edge_s, np.inf)[first] - shown_s <= _LATEST_S)
        delay_ms[flashes[seen]] = 1000.0 * (edge_s[first[seen]] - shown_s[seen])
        n_extra += int((end - first).sum()) - int(np.count_nonzero(seen))
    has_code = np.isfinite(code_tick)
    return FlashDelays(np.where(has_code, delay_ms, np.nan), has_code, n_extra)
