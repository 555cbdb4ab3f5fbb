"""A microcontroller without a chip: says what the firmware says, over a pseudo-terminal, from a thread."""

from __future__ import annotations

import os
import pty
import select
import threading
import time
import tty
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rig.ports.microcontroller.frames import Frame, FrameReader, FrameType, encode

LARGEST_MS = 1000
VERSION = bytes([1, 1, 1, 1, LARGEST_MS // 10])


class FakeMicrocontroller:
    """The device; its valve opens for exactly what it was asked."""

    def __init__(self, address: Path, faults: Sequence[str] = ()) -> None:
        numbers = dict(fault.split("=") for fault in faults)
        self._garble, self._late_s = int(numbers.get("garble", 0)), int(numbers.get("late_ms", 0)) / 1000
        self._ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self._theirs: int | None = theirs  # stays open: a line that the computer closed is not gone
        self.address = address
        address.unlink(missing_ok=True)
        address.symlink_to(os.ttyname(theirs))
        self._ends, self._end = os.pipe()
        self._runs = threading.Event()
        self._runs.set()
        self._n_out = self._n_openings = 0
        self._late: deque[tuple[float, bytes]] = deque()
        self._closes: tuple[float, int, int] | None = None  # when, sequence, tenths
        self._opened_ms: list[float] = []
        self._now_s = 0.0
        self._codes: list[int] = []
        self._say(FrameType.BOOTED, 0, VERSION)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def openings_ms(self) -> list[float]:
        return list(self._opened_ms)

    def read_at_strobes(self) -> list[int]:
        return list(self._codes)

    def stall(self) -> None:
        self._runs.clear()

    def go_on(self) -> None:
        self._runs.set()

    def unplug(self) -> None:
        if self._theirs is None:
            return
        self._runs.set()
        os.write(self._end, b"!")
        self._thread.join()
        for one in (self._theirs, self._ours, self._ends, self._end):
            os.close(one)
        self._theirs = None
        self.address.unlink(missing_ok=True)

    def _run(self) -> None:
        reader = FrameReader()
        while True:
            ready, _, _ = select.select([self._ours, self._ends], [], [], 0.001)
            self._runs.wait()
            self._now_s = time.monotonic()
            if self._ends in ready:
                return
            if self._ours in ready:
                for frame in reader.take(os.read(self._ours, 4096)):
                    self._answer(frame)
            self._close_valve()
            while self._late and self._late[0][0] <= self._now_s:
                os.write(self._ours, self._late.popleft()[1])

    def _close_valve(self) -> None:
        if self._closes is not None and self._now_s >= self._closes[0]:
            _, sequence, tenths = self._closes
            self._closes = None
            self._opened_ms.append(tenths / 10)
            payload = tenths.to_bytes(2, "little") + self._n_openings.to_bytes(2, "little")
            self._say(FrameType.CLOSED, sequence, payload)

    def _answer(self, frame: Frame) -> None:
        status = bytes([self._closes is not None, self._n_openings, 0, 0, (self._codes or [0])[-1]])
        match frame.type:
            case FrameType.HELLO:
                self._say(FrameType.VERSION, frame.sequence, VERSION)
            case FrameType.STATUS:
                self._say(FrameType.STATUS_IS, frame.sequence, status)
            case FrameType.SHUT:
                self._say(FrameType.SHUT_NOW, frame.sequence, status)
            case FrameType.CODE:
                self._codes.append(frame.payload[0])
                self._say(FrameType.STROBED, frame.sequence, frame.payload[:1])
            case FrameType.GIVE:
                self._give(frame)

    def _give(self, frame: Frame) -> None:
        tenths = frame.number(0)
        if self._closes is not None:
            self._say(FrameType.REFUSED, frame.sequence, bytes([FrameType.GIVE, 3]))
            return
        self._n_openings += 1
        self._closes = (self._now_s + tenths / 10_000, frame.sequence, tenths)
        self._say(FrameType.OPENED, frame.sequence, frame.payload[:2])

    def _say(self, frame_type: FrameType, sequence: int, payload: bytes) -> None:
        data = bytearray(encode(frame_type, sequence, payload))
        for place in range(len(data)):
            self._n_out += 1
            if self._garble and self._n_out % self._garble == 0:
                data[place] ^= 0x10
        self._late.append((self._now_s + self._late_s, bytes(data)))


@contextmanager
def faking(address: Path, faults: Sequence[str] = ()) -> Iterator[FakeMicrocontroller]:
    """Run a fake device while the block does.

    Parameters
    ----------
    address
        Where its port is to appear.
    faults
        Of the line: ``garble=7``, ``late_ms=300``.
    """
    fake = FakeMicrocontroller(address, faults)
    try:
        yield fake
    finally:
        fake.unplug()


@contextmanager
def talking(address: Path) -> Iterator[Path]:
    """Put another device at an address: a receiver that says where on earth it is, and hears nothing."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    address.symlink_to(os.ttyname(theirs))
    ends, end = os.pipe()

    def talk() -> None:
        while not select.select([ends], [], [], 0.002)[0]:
            if select.select([ours], [], [], 0)[0]:
                os.read(ours, 4096)
            if select.select([], [ours], [], 0)[1]:
                os.write(ours, b"$GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M*76\r\n\xa5")

    os.set_blocking(ours, False)
    thread = threading.Thread(target=_quietly, args=(talk,))
    thread.start()
    try:
        yield address
    finally:
        os.write(end, b"!")
        thread.join()
        for one in (ours, theirs, ends, end):
            os.close(one)


def _quietly(talk) -> None:
    with suppress(BlockingIOError):
        talk()
