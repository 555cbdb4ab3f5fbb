"""Microcontrollers at an address: the firmware of both boards on a simulated chip, and one that is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rig.ports.microcontroller.device import AnswerTimes, Microcontroller
from tests.equipment.fake_microcontroller import FakeMicrocontroller, faking
from tests.equipment.simulated_avr import Chip, Programs, running

PATIENT = AnswerTimes(first_s=60.0, hello_s=1.0, answer_s=60.0)
"""The machine may be busy: what is to come is waited for."""

HASTY = AnswerTimes(first_s=0.2, hello_s=0.05, answer_s=0.05)
"""What is never to come need not be."""

BOARDS = ("fake", "mega2560", "uno")


def until(condition: Callable[[], object], *, within_s: float = 60.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.001)


class Socket:
    """An address, what is plugged in there, and a rig that opens it."""

    def __init__(self, board: str, address: Path, programs: Callable[[], Programs], stack: ExitStack) -> None:
        self.board, self.address = board, address
        self._programs, self._stack = programs, stack

    def plug(self, *faults: str) -> Chip | FakeMicrocontroller:
        """Plug one in, whose line has faults."""
        if self.board == "fake":
            return self._stack.enter_context(faking(self.address, faults))
        return self._stack.enter_context(running(self._programs(), self.address, board=self.board, faults=faults))

    def open(self, times: AnswerTimes = PATIENT) -> Microcontroller:
        return Microcontroller(str(self.address), patience=times)
