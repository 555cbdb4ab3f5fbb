"""Digital codes on the microcontroller's eight lines, each believed when it says that it has strobed it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from closedloop.artifacts.day.session import CodeTransport
from closedloop.errors import DeviceError
from rig.ports.microcontroller.device import Microcontroller
from rig.ports.microcontroller.frames import REASONS, Frame, FrameType


@dataclass(frozen=True)
class _Sent:
    """A code under way."""

    code: int
    until_s: float


class MicrocontrollerCodes:
    """Sends codes, and raises at the next look where one was not confirmed.

    Parameters
    ----------
    device
        Has the lines; released by `close`.
    """

    transport: CodeTransport = "microcontroller"

    def __init__(self, device: Microcontroller) -> None:
        self.device = device
        self._box = device.share(FrameType.CODE, FrameType.STROBED)
        self._sent: dict[int, _Sent] = {}

    def send(self, code: int) -> None:
        """Tell the device, and return at once.

        Raises
        ------
        DeviceError
            It is gone, or takes nothing any more.
        """
        sequence = self.device.post(FrameType.CODE, bytes([code]))
        self._sent[sequence] = _Sent(code, time.monotonic() + self.device.patience.answer_s)

    def check(self) -> None:
        """Look at what was confirmed since.

        Raises
        ------
        DeviceError
            A code was refused, is another, or was not confirmed in time; or the device failed.
        """
        self.device.collect()
        while self._box:
            self._settle(self._box.popleft())
        now_s = time.monotonic()
        late = [one.code for one in self._sent.values() if now_s > one.until_s]
        if late:
            self._sent.clear()
            self._raise(self.device.silent(f"code {late[0]} to be strobed"))

    def _settle(self, answer: Frame) -> None:
        sent = self._sent.pop(answer.sequence, None)
        if sent is None:
            return
        if answer.type == FrameType.REFUSED:
            why = REASONS.get(answer.payload[1], f"reason {answer.payload[1]}")
            self._raise(self._not_strobed(sent.code, f"that {why}"))
        if answer.payload[0] != sent.code:
            self._raise(self._not_strobed(sent.code, f"code {answer.payload[0]}"))

    def _not_strobed(self, code: int, found: str) -> DeviceError:
        return DeviceError(
            f"{self.device.place}: expected code {code} to be strobed, found {found}. Check its cable, then continue."
        )

    def _raise(self, error: DeviceError) -> None:
        self.device.fail(error)
        self.device.collect()

    def mend(self) -> None:
        """Open the device again if it failed.

        Raises
        ------
        DeviceError
            It is still not there.
        """
        self._sent.clear()
        self.device.mend()

    def close(self) -> None:
        """Release the device; its lines are at zero."""
        self.device.close()
