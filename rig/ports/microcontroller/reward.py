"""The valve on the microcontroller: told at once, counted when it says that it has closed."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from closedloop.errors import DeviceError
from rig.ports.microcontroller.device import Microcontroller
from rig.ports.microcontroller.frames import REASONS, Frame, FrameType

_WAITS_S = 0.5  # a reward that is asked for while the valve is open; later it would be no reward


@dataclass(frozen=True)
class _AskedReward:
    """A reward that the valve has not confirmed."""

    duration_ms: float
    until_s: float


class MicrocontrollerReward:
    """Opens the valve for a time; the hardware closes it, whatever becomes of this program.

    Parameters
    ----------
    device
        Has the valve; released by `close`.
    """

    name = "microcontroller"

    def __init__(self, device: Microcontroller) -> None:
        self.device = device
        self._box = device.share(FrameType.GIVE, FrameType.OPENED, FrameType.CLOSED)
        self._open: dict[int, _AskedReward] = {}
        self._next: deque[_AskedReward] = deque()
        self._refused: DeviceError | None = None

    @property
    def largest_ms(self) -> int:
        """The longest opening that the device accepts."""
        return self.device.version.largest_ms

    def give(self, duration_ms: float) -> None:
        """Tell the valve to open, or to open again once it has closed.

        Raises
        ------
        DeviceError
            The device is gone; or no valve opens for so long at once.
        """
        tenths = round(duration_ms * 10)
        if not 1 <= tenths <= self.largest_ms * 10:
            raise DeviceError(
                f"{self.device.place}: expected a reward of 0.1 to {self.largest_ms} ms, found {duration_ms:g} ms. "
                "Give less at once."
            )
        if self._open:
            self._next.append(_AskedReward(duration_ms, time.monotonic() + _WAITS_S))
        else:
            self._tell(duration_ms)

    def _tell(self, duration_ms: float) -> None:
        sequence = self.device.post(FrameType.GIVE, round(duration_ms * 10).to_bytes(2, "little"))
        late_s = duration_ms / 1000.0 + self.device.patience.answer_s
        self._open[sequence] = _AskedReward(duration_ms, time.monotonic() + late_s)

    def acknowledged(self) -> list[float]:
        """Return what the valve has closed after, ms each.

        Raises
        ------
        DeviceError
            The device failed, refused a reward, or did not confirm one in time.
        """
        self.device.collect()
        confirmed_ms = []
        while self._box:
            confirmed_ms += self._settle(self._box.popleft())
        if confirmed_ms:
            return confirmed_ms  # what is wrong beside it is said at the next call: what was given counts
        if self._refused is not None:
            refused, self._refused = self._refused, None
            raise refused
        self._refuse_late()
        if not self._open and self._next:
            self._tell(self._next.popleft().duration_ms)
        return confirmed_ms

    def _settle(self, answer: Frame) -> list[float]:
        if answer.type == FrameType.OPENED or answer.sequence not in self._open:
            return []
        asked = self._open.pop(answer.sequence)
        if answer.type == FrameType.REFUSED:
            why = REASONS.get(answer.payload[1], f"reason {answer.payload[1]}")
            self._refused = DeviceError(
                f"{self.device.place}: expected a reward of {asked.duration_ms:g} ms, found that {why}. "
                "Look at the valve."
            )
            return []
        return [answer.number(0) / 10.0]

    def _refuse_late(self) -> None:
        now_s = time.monotonic()
        if any(now_s > one.until_s for one in self._open.values()):
            ms = next(iter(self._open.values())).duration_ms
            self._open.clear()
            self._next.clear()
            self.device.fail(self.device.silent(f"the valve to close after {ms:g} ms, and to say so"))
            self.device.collect()
        if self._next and now_s > self._next[0].until_s:
            late = self._next.popleft()
            raise DeviceError(
                f"{self.device.place}: expected the valve to close within {_WAITS_S:g} s, found it open. "
                f"A reward of {late.duration_ms:g} ms was not given; give it again."
            )

    def check(self) -> None:
        """Look whether the device is there still.

        Raises
        ------
        DeviceError
            It failed.
        """
        self.device.collect()

    def mend(self) -> None:
        """Open the device again if it failed; a reward under way is forgotten.

        Raises
        ------
        DeviceError
            It is still not there.
        """
        self._open.clear()
        self._next.clear()
        self.device.mend()

    def close(self) -> None:
        """Release the device, its valve closed: without us it would close by itself a little later."""
        if self._open:
            with suppress(DeviceError):
                self.device.ask(FrameType.SHUT, FrameType.SHUT_NOW)
        self.device.close()
