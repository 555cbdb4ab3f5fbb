"""How long the service waits before it starts again what ended: longer each time, until something is published."""

from __future__ import annotations

_FIRST_S, _LONGEST_S = 1.0, 300.0
_FIRST_FAULT_S, _LONGEST_FAULT_S = 10.0, 3600.0


def pause_s(n_crashes: int) -> float:
    """Return the pause after the n-th crash in a row, in seconds.

    Examples
    --------
    >>> [pause_s(n) for n in (1, 2, 3, 4, 20)]
    [1.0, 2.0, 4.0, 8.0, 300.0]
    """
    return float(min(_FIRST_S * 2.0 ** min(n_crashes - 1, 30), _LONGEST_S))


def fault_pause_s(n_faults: int) -> float:
    """Return the pause after the n-th error in a row, in seconds: a person is asked, but some mend themselves.

    A rig that was killed goes on from its journal, a full disk is emptied, a file server comes back.

    Examples
    --------
    >>> [fault_pause_s(n) for n in (1, 2, 3, 9, 10)]
    [10.0, 20.0, 40.0, 2560.0, 3600.0]
    """
    return float(min(_FIRST_FAULT_S * 2.0 ** min(n_faults - 1, 30), _LONGEST_FAULT_S))
