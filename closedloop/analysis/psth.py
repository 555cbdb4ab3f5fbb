"""Spike times around stimulus onsets: rasters (Figure 2B) and rate over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedloop.analysis.estimate import Floats


def spikes_around(spike_s: Floats, onset_s: Floats, *, window_ms: tuple[float, float]) -> tuple[Floats, ...]:
    """Cut a train of spikes around each onset.

    Parameters
    ----------
    spike_s
        Spike times of one site in seconds, ascending, (n_spikes,).
    onset_s
        Onsets in seconds on the same clock, (n_onsets,).
    window_ms
        Half-open window [start, stop) around each onset, milliseconds.

    Returns
    -------
    tuple of ndarray
        Per onset the spike times in milliseconds relative to it.

    Raises
    ------
    ValueError
        An onset is NaN, the spikes are not in order, or the window is empty.

    Examples
    --------
    >>> import numpy as np
    >>> spikes = np.array([0.95, 1.08, 1.17, 2.1])
    >>> for train in spikes_around(spikes, np.array([1.0, 2.0]), window_ms=(70, 170)):
    ...     print(train.round())
    [80.]
    [100.]
    """
    start_ms, stop_ms = window_ms
    if not np.isfinite(onset_s).all() or (np.diff(spike_s) < 0).any() or stop_ms <= start_ms:
        raise ValueError(
            "spikes_around needs finite onsets, ascending spike times and a window that ends after it starts"
        )
    first = np.searchsorted(spike_s, onset_s + start_ms / 1000, side="left")
    last = np.searchsorted(spike_s, onset_s + stop_ms / 1000, side="left")
    return tuple((spike_s[a:b] - onset) * 1000 for onset, a, b in zip(onset_s, first, last, strict=True))


def rate_over_time(spikes_ms: Sequence[Floats], *, edges_ms: Floats) -> Floats:
    """Return the mean rate over presentations in each bin.

    Parameters
    ----------
    spikes_ms
        Spike times relative to onset, one array per presentation (from `spikes_around`).
    edges_ms
        Ascending edges of the half-open bins, milliseconds, (n_bins + 1,).

    Returns
    -------
    ndarray
        Spikes per second, (n_bins,); NaN without a presentation.

    Examples
    --------
    Two presentations, three spikes in the first 100 ms and one in the second:

    >>> import numpy as np
    >>> rate_over_time([np.array([10.0, 80.0, 150.0]), np.array([30.0])], edges_ms=np.array([0.0, 100.0, 200.0]))
    array([15.,  5.])
    """
    widths_s = np.diff(edges_ms) / 1000
    if not spikes_ms:
        return np.full(widths_s.shape, np.nan)
    bin_index = np.searchsorted(edges_ms, np.concatenate(spikes_ms), side="right") - 1
    inside = bin_index[(bin_index >= 0) & (bin_index < len(widths_s))]
    return np.bincount(inside, minlength=len(widths_s)) / widths_s / len(spikes_ms)
