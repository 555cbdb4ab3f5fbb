"""What each packet of a NEV is: a spike, a word of the parallel or serial port, a comment, or something else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.layout import COMMENT_PACKET, DIGITAL_CHANGED, DIGITAL_PACKET, LARGEST_ELECTRODE, SERIAL
from closedloop.blackrock.nev.packets import Packets


def is_spike(packets: Packets) -> NDArray[np.bool_]:
    """Packets that carry a spike: ids from 1 up to the system's."""
    return np.asarray(packets.kind - np.uint16(1) < np.uint16(LARGEST_ELECTRODE))  # 0 wraps round to 65535


def is_code(packets: Packets) -> NDArray[np.bool_]:
    """Words of the parallel port (NEV 2.1 to 3.0 specification, packet insertion reason: bit 0, without bit 7).

    In 2.1 and 2.2 other bits may be set as well: analog inputs that were sampled at the same time.
    """
    reason = packets.detail & (DIGITAL_CHANGED | SERIAL)
    return np.asarray((packets.kind == DIGITAL_PACKET) & (reason == DIGITAL_CHANGED))


def is_serial(packets: Packets) -> NDArray[np.bool_]:
    """Words of the serial port (packet insertion reason: bit 7)."""
    return np.asarray((packets.kind == DIGITAL_PACKET) & (packets.detail & SERIAL != 0))


def is_comment(packets: Packets) -> NDArray[np.bool_]:
    """Comments, NeuroMotive's included."""
    return np.asarray(packets.kind == COMMENT_PACKET)
