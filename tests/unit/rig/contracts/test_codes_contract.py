"""What every way of digital codes keeps; and each by a wire, in trouble. A way that hears no answer cannot know all."""

from __future__ import annotations

import os
import pty
import tty
from contextlib import ExitStack, suppress

import pytest

from closedloop.errors import DeviceError, SessionError
from rig.ports.code_frames import crc8
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


CRC_8 = [0xF4, *b"123456789"]
"""The check byte of this polynomial in every list of them, and what it is of."""


def remainder(data):
    """Divide by x^8 + x^2 + x + 1 as polynomials are on paper: one long number, the divisor under its leading one."""
    number = int.from_bytes(bytes([*data, 0]), "big")
    while number.bit_length() > 8:
        number ^= 0x107 << (number.bit_length() - 9)
    return number


def decoded(heard):
    """Decode as docs/digital_lines.md tells a receiver to: what is no whole frame is skipped byte by byte.

    Returns the codes, and before which of them some were lost, by the running number.
    """
    codes, lost_before, expected, at = [], [], 0, 0
    while at + 4 <= len(heard):
        start, code, number, check = heard[at : at + 4]
        if start != 0xA5 or check != remainder([code, number]):
            at += 1
            continue
        if number != expected:
            lost_before.append(len(codes))
        codes.append(code)
        expected, at = (number + 1) % 256, at + 4
    return codes, lost_before


def open_codes_by(kind, make_bench, serial_socket):
    """Return a way of codes, and a function that returns what the recorder read."""
    if kind == "parallel":
        register = Register()
        return ParallelCodes(register), lambda: [one for one in register.states if one]
    if kind == "serial":
        serial_socket.plug()
        return SerialCodes(str(serial_socket.address)), serial_socket.read
    if kind == "serial checked":
        serial_socket.plug()
        framed = SerialCodes(str(serial_socket.address), framing="checked")
        return framed, lambda: decoded(serial_socket.read())[0]
    if kind == "comment":
        recorder = SimulatedRecorder()
        return CommentCodes(recorder), lambda: [int(text.split()[1]) for _, text in recorder.events]
    bench = make_bench(kind)
    device = bench.plug()
    return MicrocontrollerCodes(bench.open()), device.read_at_strobes


@pytest.mark.parametrize("kind", ["parallel", "serial", "serial checked", "comment", *BOARDS])
def test_every_way_brings_every_code_once_and_in_its_order(kind, make_bench, serial_socket):
    port, read = open_codes_by(kind, make_bench, serial_socket)
    for n, code in enumerate(CODES, start=1):
        port.send(code)
        until(lambda n=n: len(read()) >= n)
        if isinstance(port, Wired):
            port.check()
    assert read() == CODES
    assert port.transport == ("microcontroller" if kind in BOARDS else kind.split()[0])
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


class TestCheckedFrames:
    """What a receiver of frames can know, that one of bytes cannot."""

    @pytest.fixture
    def port(self, serial_socket):
        serial_socket.plug()
        port = SerialCodes(str(serial_socket.address), framing="checked")
        yield port
        port.close()

    def heard_after(self, port, socket, codes, n_bytes):
        for code in codes:
            port.send(code)
        until(lambda: len(socket.read()) >= n_bytes)
        return socket.read()

    def test_the_check_byte_is_the_one_in_every_list(self):
        assert remainder(CRC_8[1:]) == CRC_8[0] == crc8(bytes(CRC_8[1:]))

    def test_frames_are_as_documented_and_number_modulo_256(self, port, serial_socket):
        heard = self.heard_after(port, serial_socket, [7] * 300, 1200)
        assert heard[:8] == [0xA5, 7, 0, remainder([7, 0]), 0xA5, 7, 1, remainder([7, 1])]
        assert heard[2::4] == [n % 256 for n in range(300)]
        assert decoded(heard) == ([7] * 300, [])

    @pytest.mark.parametrize("at", range(12))
    def test_garbled(self, port, serial_socket, at):
        heard = self.heard_after(port, serial_socket, [165, 165, 3], 12)
        for bit in range(8):
            garbled = [byte ^ (1 << bit if n == at else 0) for n, byte in enumerate(heard)]
            codes, lost_before = decoded([*garbled, 0xA5, 9, 3, remainder([9, 3])])
            left = [165, 165, 3, 9]
            del left[at // 4]
            assert codes == left  # no code is taken for another
            assert lost_before == [at // 4]

    @pytest.mark.parametrize("n_bytes", [1, 2, 3])
    def test_torn(self, port, serial_socket, n_bytes):
        heard = self.heard_after(port, serial_socket, [165, 42, 43], 12)
        assert decoded(heard[:n_bytes] + heard[4:]) == ([42, 43], [0])

    def test_stalled_and_mended(self, port, serial_socket):
        """Nobody reads: a frame is refused as soon as one waits, and its loss is seen by the next one's number."""
        sent = []

        def send_for_ever():
            while True:
                port.send(len(sent) % 200)
                sent.append(len(sent) % 200)

        with pytest.raises(SessionError, match="expected codes to leave at once, found one that still waits"):
            send_for_ever()
        until(lambda: len(serial_socket.read()) >= 4 * len(sent))
        port.mend()
        port.send(201)
        until(lambda: decoded(serial_socket.read())[0][-1:] == [201])
        codes, lost_before = decoded(serial_socket.read())
        assert codes[:-1] == sent[: len(codes) - 1]
        assert lost_before == [len(codes) - 1]

    def test_unplugged_and_reconnected(self, port, serial_socket):
        serial_socket.unplug()
        with pytest.raises(SessionError, match="expected to send a code"):
            port.send(42)
        serial_socket.plug()
        port.mend()
        port.send(43)
        until(lambda: len(serial_socket.read()) == 4)
        assert decoded(serial_socket.read()) == ([43], [0])  # and the receiver knows that one is missing
