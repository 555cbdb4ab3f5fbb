"""Which presentations can be used: everything around the onset was recorded, in one segment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.segments import Segment

NEEDED_MS = (-100.0, 170.0)  # what must have been recorded around an onset

USABLE = ""
NO_ONSET = "no onset"
OUTSIDE = "before the start or after the end of the recording"
IN_GAP = "touches a gap of the recording"
AT_RESET = "touches a reset of the recorder's clock"


def usable(
    onset_clock_segment: NDArray[np.integer],
    onset_tick: NDArray[np.float64],
    segments: Sequence[Segment],
    *,
    tick_hz: float,
    needed_ms: tuple[float, float] = NEEDED_MS,
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Set aside presentations around which something was not recorded.

    Parameters
    ----------
    onset_clock_segment, onset_tick
        Shape (n_presentations,); a tick of NaN is set aside already.
    segments
        The recording's uninterrupted segments, in time order.
    tick_hz
        Ticks per second.
    needed_ms
        From when to when around the onset every sample must have been recorded, in one segment.

    Returns
    -------
    onset_tick : NDArray[np.float64]
        The onsets, NaN where set aside.
    reasons : tuple of str
        Why, one a presentation; empty where usable.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.recording import Segment, usable
    >>> recorded = [Segment(0, 0, 60_000, 60_000), Segment(0, 90_000, 150_000, 60_000)]
    >>> onset_tick, reasons = usable(np.array([0, 0]), np.array([30_000.0, 58_000.0]), recorded, tick_hz=30_000)
    >>> onset_tick.tolist(), reasons
    ([30000.0, nan], ('', 'touches a gap of the recording'))
    """
    reasons = np.full(len(onset_tick), OUTSIDE, dtype=object)
    of_clock: dict[int, list[Segment]] = {}
    for segment in segments:
        of_clock.setdefault(segment.clock_segment, []).append(segment)
    clock_segments = sorted(of_clock)
    for clock_segment, runs in of_clock.items():
        own = np.flatnonzero(onset_clock_segment == clock_segment)
        first, last = (onset_tick[own] + bound * tick_hz / 1000 for bound in needed_ms)
        reasons[own] = _reasons(
            first, last, runs, before=clock_segment > clock_segments[0], after=clock_segment < clock_segments[-1]
        )
    reasons[np.isnan(onset_tick)] = NO_ONSET
    return np.where(reasons == USABLE, onset_tick, np.nan), tuple(reasons.tolist())


def _reasons(
    first: NDArray[np.float64], last: NDArray[np.float64], runs: Sequence[Segment], *, before: bool, after: bool
) -> NDArray[np.str_]:
    """Judge the presentations of one clock segment; `before` and `after`: whether another precedes or follows it."""
    starts = np.array([run.first_tick for run in runs], np.int64)
    stops = np.array([run.end_tick for run in runs], np.int64)
    run = np.searchsorted(starts, first, side="right") - 1
    inside = (run >= 0) & (last <= stops[run])
    early, late = first < starts[0], last > stops[-1]
    at_reset = (early & before) | (late & after)
    return np.select([inside, at_reset, early | late], [USABLE, AT_RESET, OUTSIDE], IN_GAP)
