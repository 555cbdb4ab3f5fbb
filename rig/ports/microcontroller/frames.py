"""Frames of the serial line to the microcontroller, as `rig/firmware/firmware.c` has them.

Ten bytes each way: 0xA5, type, sequence, five bytes of payload, CRC-16 of the seven before it (polynomial 0x1021, begun
with 0xFFFF, not reflected; low byte first). Numbers of two bytes have the low one first.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from enum import IntEnum

SYNC = 0xA5
N_BYTES, N_PAYLOAD = 10, 5
PROTOCOL = 1
HANG_KEY = b"hang"


class FrameType(IntEnum):
    """What a frame says; the answer to a frame has its highest bit set."""

    HELLO = 0x01
    STATUS = 0x02
    GIVE = 0x03
    CODE = 0x04
    SHUT = 0x05
    HANG = 0x06
    VERSION = 0x81
    STATUS_IS = 0x82
    OPENED = 0x83
    STROBED = 0x84
    SHUT_NOW = 0x85
    BOOTED = 0xC1
    CLOSED = 0xC3
    REFUSED = 0xEE


REASONS = {
    1: "it received a damaged frame",
    2: "it does not know that order",
    3: "the valve is open already",
    4: "it gives no such duration at once",
    5: "the order lacks its key",
}
BOARDS = {1: "ATmega2560", 2: "ATmega328P"}
RESETS = {1: "power", 2: "its reset line", 4: "too low a voltage", 8: "its watchdog: the program hung"}


@dataclass(frozen=True)
class Frame:
    """A frame whose check sum was right.

    Attributes
    ----------
    type
        What it says; a number that no version of ours sends is possible.
    sequence
        Of the order, 0 to 255; an answer has its order's.
    payload
        Five bytes.
    """

    type: int
    sequence: int
    payload: bytes

    def number(self, at: int) -> int:
        """Return the number of two bytes at a place of the payload."""
        return int.from_bytes(self.payload[at : at + 2], "little")


def encode(frame_type: FrameType, sequence: int, payload: bytes = b"") -> bytes:
    """Return a frame as it goes over the line.

    Parameters
    ----------
    frame_type
        What it says.
    sequence
        Of the order, 0 to 255.
    payload
        At most five bytes; zeros follow.
    """
    body = bytes([frame_type, sequence]) + payload.ljust(N_PAYLOAD, b"\0")
    return bytes([SYNC]) + body + _crc(body)


def _crc(body: bytes) -> bytes:
    return binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "little")


class FrameReader:
    """Finds frames in what comes over a line; what is none is skipped byte by byte, so that no good frame is lost."""

    def __init__(self) -> None:
        self._heard = b""
        self.n_skipped = self.n_heard = 0

    def take(self, heard: bytes) -> list[Frame]:
        """Take what came, and return the frames that are whole now, in their order."""
        self._heard += heard
        self.n_heard += len(heard)
        found = []
        while len(self._heard) >= N_BYTES:
            body, crc = self._heard[1:-2][: N_BYTES - 3], self._heard[N_BYTES - 2 : N_BYTES]
            if self._heard[0] == SYNC and crc == _crc(body):
                found.append(Frame(body[0], body[1], body[2:]))
                self._heard = self._heard[N_BYTES:]
            else:
                self._skip()
        return found

    def _skip(self) -> None:
        after = self._heard.find(SYNC, 1)
        n = len(self._heard) if after < 0 else after
        self.n_skipped += n
        self._heard = self._heard[n:]


@dataclass(frozen=True)
class Version:
    """What the microcontroller says of itself when it is asked, and whenever it begins.

    Attributes
    ----------
    protocol, firmware
        Versions.
    board
        Its chip.
    reset
        Why it began last, in words.
    largest_ms
        The longest opening that it accepts.
    """

    protocol: int
    firmware: int
    board: str
    reset: str
    largest_ms: int

    @classmethod
    def of(cls, frame: Frame) -> Version:
        """Read a frame of type VERSION or BOOTED."""
        protocol, firmware, board, reset, largest = frame.payload
        causes = [words for bit, words in RESETS.items() if reset & bit]
        return cls(
            protocol,
            firmware,
            BOARDS.get(board, f"board {board}"),
            " and ".join(causes) or "unknown: its boot loader kept it",
            largest * 10,
        )


@dataclass(frozen=True)
class ValveStatus:
    """What the microcontroller says of its valve.

    Attributes
    ----------
    is_open
        Whether it is open now.
    n_openings
        Since it began, modulo 65,536.
    n_bad
        Frames that it could not read since it began; 255 are as many or more.
    last_code
        The code that it strobed last.
    """

    is_open: bool
    n_openings: int
    n_bad: int
    last_code: int

    @classmethod
    def of(cls, frame: Frame) -> ValveStatus:
        """Read a frame of type STATUS_IS or SHUT_NOW."""
        return cls(bool(frame.payload[0]), frame.number(1), frame.payload[3], frame.payload[4])
