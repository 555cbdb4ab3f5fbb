"""How long the service waits before it starts again what crashed: longer each time, until something is published."""

from __future__ import annotations

_FIRST_S, _LONGEST_S = 1.0, 300.0


def pause_s(n_crashes: int) -> float:
    """Return the pause after the n-th crash in a row, in seconds.

    Examples
    --------
    >>> [pause_s(n) for n in (1, 2, 3, 4, 20)]
    [1.0, 2.0, 4.0, 8.0, 300.0]
    """
    return float(min(_FIRST_S * 2.0 ** min(n_crashes - 1, 30), _LONGEST_S))
