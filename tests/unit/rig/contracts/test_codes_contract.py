"""What every way of digital codes keeps; and each by a wire, in trouble. A way that hears no answer cannot know all."""

from __future__ import annotations

import os
import pty
import tty
from contextlib import ExitStack, suppress

import pytest

from closedloop.errors import DeviceError, SessionError
from rig.ports.codes import CommentCodes, ParallelCodes, SerialCodes
from rig.ports.microcontroller.codes import MicrocontrollerCodes
from rig.ports.microcontroller.device import AnswerTimes
from rig.ports.recorders.port import SimulatedRecorder
from rig.ports.wired import Wired
from tests.equipment.fake_microcontroller import talking
from tests.equipment.microcontrollers import BOARDS, HASTY, Socket, until

pytestmark = pytest.mark.slow

CODES = [1, 17, 19, 255, 165, 7, 7, 128]
"""Two that stop a terminal's line, the byte that begins a frame, and the same twice."""


class Register:
    def __init__(self):
        self.states = []

    def setData(self, data):  # noqa: N802
        self.states.append(data)


class SerialSocket:
    """A serial port that can be unplugged and plugged in again."""

    def __init__(self, address):
        self.address, self._heard, self._open = address, b"", []

    def plug(self):
        self._open = list(pty.openpty())
        tty.setraw(self._open[0])
        os.set_blocking(self._open[0], False)
        self.address.unlink(missing_ok=True)
        self.address.symlink_to(os.ttyname(self._open[1]))
        self._heard = b""
        return self

    def read(self):
        with suppress(BlockingIOError):
            self._heard += os.read(self._open[0], 4096)
        return list(self._heard)

    def unplug(self):
        while self._open:
            os.close(self._open.pop())
        self.address.unlink(missing_ok=True)


@pytest.fixture
def make_bench(request, tmp_path):
    with ExitStack() as stack:
        yield lambda board: Socket(board, tmp_path / "ttyACM0", lambda: request.getfixturevalue("programs"), stack)


@pytest.fixture
def serial_socket(tmp_path):
    socket = SerialSocket(tmp_path / "ttyUSB0")
    yield socket
    socket.unplug()


def open_codes_by(kind, make_bench, serial_socket):
    """Return a way of codes, and a function that returns what the recorder read."""
    if kind == "parallel":
        register = Register()
        return ParallelCodes(register), lambda: [one for one in register.states if one]
    if kind == "serial":
        serial_socket.plug()
        return SerialCodes(str(serial_socket.address)), serial_socket.read
    if kind == "comment":
        recorder = SimulatedRecorder()
        return CommentCodes(recorder), lambda: [int(text.split()[1]) for _, text in recorder.events]
    bench = make_bench(kind)
    device = bench.plug()
    return MicrocontrollerCodes(bench.open()), device.read_at_strobes


@pytest.mark.parametrize("kind", ["parallel", "serial", "comment", *BOARDS])
def test_every_way_brings_every_code_once_and_in_its_order(kind, make_bench, serial_socket):
    port, read = open_codes_by(kind, make_bench, serial_socket)
    for n, code in enumerate(CODES, start=1):
        port.send(code)
        until(lambda n=n: len(read()) >= n)
        if isinstance(port, Wired):
            port.check()
    assert read() == CODES
    assert port.transport == ("microcontroller" if kind in BOARDS else kind)
    port.close()


@pytest.fixture(params=BOARDS)
def bench(request, make_bench):
    return make_bench(request.param)


def raises_in_time(port, match):
    with pytest.raises(DeviceError, match=match):
        until(port.check)
    port.check()  # told once


class TestEveryWayThatHearsAnswers:
    def test_stalled(self, bench):
        device = bench.plug()
        port = MicrocontrollerCodes(bench.open(AnswerTimes(60.0, 1.0, 0.05)))
        device.stall()
        port.send(42)
        raises_in_time(port, r"expected code 42 to be strobed within 0.05 s, found none.*then continue")
        with pytest.raises(DeviceError, match="code 42"):
            port.send(43)
        device.go_on()
        port.mend()
        until(lambda: 42 in device.read_at_strobes())
        port.close()

    def test_slow(self, bench):
        bench.plug("late_ms=400")
        port = MicrocontrollerCodes(bench.open(AnswerTimes(60.0, 1.0, 0.02)))
        port.send(42)
        raises_in_time(port, "expected code 42 to be strobed within 0.02 s")
        port.close()

    def test_garbled(self, bench):
        bench.plug("garble=25")
        port = MicrocontrollerCodes(bench.open(AnswerTimes(60.0, 60.0, 60.0)))
        port.send(42)
        raises_in_time(port, r"expected whole frames, found that \d+ bytes")
        port.close()

    def test_unplugged_and_reconnected(self, bench):
        device = bench.plug()
        port = MicrocontrollerCodes(bench.open())
        device.unplug()
        with pytest.raises(SessionError, match="Plug it in again"):
            port.send(42)
        with pytest.raises(SessionError, match="no such port"):
            port.mend()
        device = bench.plug()
        port.mend()
        port.send(43)
        until(lambda: device.read_at_strobes() == [43])
        port.close()

    def test_absent(self, bench):
        with pytest.raises(DeviceError, match=r"no such port. Plug it in"):
            bench.open()


def test_another_device_at_the_address(tmp_path):
    with talking(tmp_path / "tty") as address, pytest.raises(DeviceError, match="another device"):
        Socket("fake", address, lambda: None, ExitStack()).open(HASTY)


class TestSerialWithoutAnswers:
    """Stalled is in `test_codes.py` and `test_device_errors.py`; garbled, slow or another device it cannot hear."""

    def test_unplugged_and_reconnected(self, serial_socket):
        serial_socket.plug()
        port = SerialCodes(str(serial_socket.address))
        port.mend()  # nothing failed: nothing is done
        serial_socket.unplug()
        with pytest.raises(SessionError, match="expected to send a code"):
            port.send(42)
        with pytest.raises(SessionError, match="expected to open it"):
            port.mend()
        serial_socket.plug()
        port.mend()
        port.send(43)
        until(lambda: serial_socket.read() == [43])
        port.close()

    def test_absent(self, tmp_path):
        with pytest.raises(SessionError, match=r"expected to open it.*rig devices"):
            SerialCodes(str(tmp_path / "none"))
