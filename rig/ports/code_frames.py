"""Codes over a serial line as frames that a receiver can check, for one that decodes them.

Four bytes a code: 0xA5, the code, a running number, CRC-8 of the two between (polynomial 0x07, begun with 0, not
reflected: of the ASCII digits 123456789 it is 0xF4). The number counts codes modulo 256 from 0, which a rig that is
started anew begins with: a receiver that misses one knows that a code was lost. At 115,200 baud a frame takes 0.35 ms,
and the code's moment is that of its first byte.
"""

from __future__ import annotations

START = 0xA5
N_BYTES = 4
_POLYNOMIAL = 0x07


class CodeFrames:
    """Makes frames of codes, and counts them."""

    def __init__(self) -> None:
        self._number = 0

    def frame(self, code: int) -> bytes:
        """Return the frame of the next code; also of one that is never sent, so that its loss is seen."""
        body = bytes([code, self._number])
        self._number = (self._number + 1) % 256
        return bytes([START]) + body + bytes([crc8(body)])


def crc8(data: bytes) -> int:
    """Return the check byte of data."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ _POLYNOMIAL) & 0xFF if crc & 0x80 else crc << 1
    return crc
