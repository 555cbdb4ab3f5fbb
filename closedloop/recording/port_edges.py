"""Rising and falling edges of the lines of a digital port, from the values it had."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_BITS = 16


@dataclass(frozen=True)
class PortEdges:
    """Changes of single lines, in order of time and bit, shape (n,) each.

    Attributes
    ----------
    row
        Which of the values brought the change.
    bit
        Which line, from 0.
    is_rising
        Whether it went up.
    """

    row: NDArray[np.intp]
    bit: NDArray[np.uint8]
    is_rising: NDArray[np.bool_]


def port_edges(value: NDArray[np.uint16], before: int) -> PortEdges:
    """Find which lines changed from each value to the next.

    Parameters
    ----------
    value
        16-bit values in order of time, shape (n,).
    before
        The value before the first.
    """
    previous = np.concatenate([[before], value[:-1]]).astype(np.uint16) if len(value) else value
    changed = (previous ^ value)[:, None] >> np.arange(N_BITS, dtype=np.uint16) & np.uint16(1)
    row, bit = np.nonzero(changed)
    return PortEdges(row, bit.astype(np.uint8), (value[row] >> bit.astype(np.uint16) & np.uint16(1)).astype(np.bool_))
