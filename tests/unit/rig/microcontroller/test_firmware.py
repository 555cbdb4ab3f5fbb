"""The real program on a simulated chip, spoken to frame by frame; widths are in the program's own time."""

from __future__ import annotations

import binascii
import subprocess
import sys
import time
from random import Random

import pytest

from rig.ports.microcontroller.frames import FrameReader, FrameType, ValveStatus, Version, encode
from rig.ports.microcontroller.line import SerialLine
from tests.equipment.microcontrollers import until
from tests.equipment.processes import Child
from tests.equipment.simulated_avr import running

pytestmark = pytest.mark.slow

LARGEST_MS = 1000
BAD_CRC, UNKNOWN, BUSY, TOO_LONG, NO_KEY = 1, 2, 3, 4, 5


class Talk:
    """A computer that says frames and hears frames."""

    def __init__(self, address, **options) -> None:
        self.line, self._reader, self.heard = SerialLine(str(address), **options), FrameReader(), []
        self._n = 0

    def say(self, frame_type, *payload: int) -> int:
        self._n = self._n % 255 + 1
        self.line.write(encode(frame_type, self._n, bytes(payload)))
        return self._n

    def take(self) -> list:
        self.heard += self._reader.take(self.line.read())
        return self.heard

    def hear(self, frame_type, sequence: int | None = None):
        """Return the first such frame, waited for."""
        found = []

        def is_there() -> bool:
            found[:] = [one for one in self.take() if one.type == frame_type and sequence in (None, one.sequence)]
            return bool(found)

        until(is_there)
        return found[0]

    def give(self, ms: float) -> int:
        return self.say(FrameType.GIVE, *round(ms * 10).to_bytes(2, "little"))

    def status(self) -> ValveStatus:
        return ValveStatus.of(self.hear(FrameType.STATUS_IS, self.say(FrameType.STATUS)))

    def version(self) -> Version:
        return Version.of(self.hear(FrameType.VERSION, self.say(FrameType.HELLO)))


@pytest.fixture(params=["mega2560", "uno"])
def chip(request, programs, tmp_path):
    with running(programs, tmp_path / "tty", board=request.param) as one:
        yield one


@pytest.fixture
def talk(chip):
    talk = Talk(chip.address)
    talk.version()
    yield talk
    talk.line.close()


def test_the_check_sum_is_the_published_one():
    """CRC-16/IBM-3740 (CCITT with 0xFFFF) of 123456789 is 0x29B1: Cook's catalogue of CRC algorithms."""
    assert binascii.crc_hqx(b"123456789", 0xFFFF) == 0x29B1
    assert encode(FrameType.HELLO, 7) == bytes.fromhex("a5 01 07 00 00 00 00 00") + binascii.crc_hqx(
        bytes.fromhex("01 07 00 00 00 00 00"), 0xFFFF
    ).to_bytes(2, "little")


def test_it_says_what_it_is_when_it_is_asked(talk, chip, request):
    board = {"mega2560": "ATmega2560", "uno": "ATmega328P"}[request.node.callspec.params["chip"]]
    assert talk.version() == Version(protocol=1, firmware=1, board=board, reset="power", largest_ms=LARGEST_MS)


@pytest.mark.parametrize("ms", [1, 5, 20, 120, 250, 300, LARGEST_MS])
def test_the_valve_is_open_for_what_was_asked_and_says_so(talk, chip, ms):
    closed = talk.hear(FrameType.CLOSED, talk.give(ms))
    assert closed.number(0) / 10 == ms
    assert chip.openings_ms() == [pytest.approx(ms, abs=0.1)]
    assert talk.status().n_openings == 1
    assert not talk.status().is_open


def test_a_host_that_is_killed_leaves_a_valve_that_closes_in_time(chip):
    host = f"""
from rig.ports.microcontroller.device import Microcontroller, AnswerTimes
from rig.ports.microcontroller.reward import MicrocontrollerReward
port = MicrocontrollerReward(Microcontroller({str(chip.address)!r}, patience=AnswerTimes(60.0, 60.0, 60.0)))
port.give(300.0)
print("given", flush=True)
while True:
    pass
"""
    with Child([sys.executable, "-c", host], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "given\n"
        until(lambda: chip.changes("valve"))
        process.kill()
    until(chip.openings_ms)
    assert chip.openings_ms() == [pytest.approx(300.0, abs=1.0)]


def test_a_program_that_hangs_is_reset_by_the_watchdog_its_valve_closed(talk, chip):
    talk.give(LARGEST_MS)
    talk.hear(FrameType.OPENED)
    talk.heard.clear()
    talk.say(FrameType.HANG, *b"hang")
    assert "watchdog" in Version.of(talk.hear(FrameType.BOOTED)).reset
    (open_ms,) = chip.openings_ms()
    assert open_ms < 200
    assert "watchdog" in talk.version().reset
    assert talk.status().n_openings == 0


def test_the_timer_closes_the_valve_of_a_program_that_hangs(talk, chip):
    """No interrupt is served any more, and the watchdog would come later: the pin is the timer's own."""
    talk.line.write(encode(FrameType.GIVE, 1, (200).to_bytes(2, "little")) + encode(FrameType.HANG, 2, b"hang"))
    talk.hear(FrameType.BOOTED)
    assert chip.openings_ms() == [pytest.approx(20.0, abs=0.1)]


def test_it_hangs_for_nobody_without_the_key(talk):
    refused = talk.hear(FrameType.REFUSED, talk.say(FrameType.HANG, *b"hong"))
    assert tuple(refused.payload[:2]) == (FrameType.HANG, NO_KEY)


def test_a_damaged_frame_opens_nothing_and_is_refused(talk, chip):
    frame = bytearray(encode(FrameType.GIVE, 9, (200).to_bytes(2, "little")))
    for bit in range(8, 8 * len(frame)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        talk.line.write(bytes(damaged))
        talk.hear(FrameType.REFUSED)
        talk.heard.clear()
    assert talk.status().n_bad == 72
    assert chip.openings_ms() == []
    assert not chip.changes("valve")


def test_noise_opens_nothing_and_strobes_nothing(talk, chip):
    noise = Random(12)
    for _ in range(100):
        talk.line.write(bytes(noise.choice((0xA5, FrameType.GIVE, noise.randrange(256))) for _ in range(40)))
        talk.status()
    assert talk.status().n_bad == 255
    assert not chip.changes("valve")
    assert not chip.changes("strobe")


def test_a_cut_frame_swallows_none_of_the_next(talk, chip):
    for n in range(1, 10):
        talk.line.write(encode(FrameType.GIVE, 200, (200).to_bytes(2, "little"))[:n])
        assert talk.status().n_openings == 0  # the very next frame is answered, without a pause between
    assert not chip.changes("valve")


def test_a_cut_frame_is_forgotten_after_a_while(talk, chip):
    """What is counted as bad and not refused ran out of time; a frame that comes earlier is refused with it."""
    frame = encode(FrameType.GIVE, 200, (200).to_bytes(2, "little"))
    refused = True
    end = time.monotonic() + 60
    while refused:
        assert time.monotonic() < end, "it never forgets"
        n_before = talk.status().n_bad
        talk.heard.clear()
        talk.line.write(frame[:9])
        time.sleep(0.02)
        after = talk.status()
        refused = any(one.type == FrameType.REFUSED for one in talk.heard)
    assert (after.n_bad, after.n_openings) == (n_before + 1, 0)
    assert not chip.changes("valve")


def test_at_another_speed_nothing_happens(chip):
    for n_speeds, baud in enumerate((115_200, 9_600, 250_000), start=1):
        talk = Talk(chip.address, baud=baud)
        for _ in range(20):
            talk.give(200)
        until(lambda n=n_speeds: len(chip.changes("nonsense")) == n * 200)
        talk.line.close()
    talk = Talk(chip.address)
    assert talk.status().n_openings == 0
    assert talk.status().n_bad > 0
    talk.line.close()
    assert not chip.changes("valve")


def test_an_open_valve_is_not_opened_again(talk, chip):
    first = talk.give(100)
    second = talk.give(100)
    refused = talk.hear(FrameType.REFUSED, second)
    assert tuple(refused.payload[:2]) == (FrameType.GIVE, BUSY)
    talk.hear(FrameType.CLOSED, first)
    assert chip.openings_ms() == [pytest.approx(100, abs=0.1)]


@pytest.mark.parametrize("ms", [0, LARGEST_MS + 0.1, 6553.5])
def test_nobody_is_given_more_than_the_largest_at_once(talk, chip, ms):
    refused = talk.hear(FrameType.REFUSED, talk.give(ms))
    assert tuple(refused.payload[:2]) == (FrameType.GIVE, TOO_LONG)
    assert not chip.changes("valve")


def test_an_order_that_it_does_not_know_is_refused(talk):
    line_frame = bytearray(encode(FrameType.HELLO, 77))
    line_frame[1] = 0x2A
    line_frame[8:] = binascii.crc_hqx(bytes(line_frame[1:8]), 0xFFFF).to_bytes(2, "little")
    talk.line.write(bytes(line_frame))
    assert tuple(talk.hear(FrameType.REFUSED, 77).payload[:2]) == (0x2A, UNKNOWN)


def test_an_open_valve_is_shut_when_it_is_told_and_says_how_long_it_was_open(talk, chip):
    given = talk.give(LARGEST_MS)
    talk.hear(FrameType.OPENED, given)
    talk.hear(FrameType.SHUT_NOW, talk.say(FrameType.SHUT))
    closed = talk.hear(FrameType.CLOSED, given)
    (open_ms,) = chip.openings_ms()
    assert open_ms < LARGEST_MS
    assert closed.number(0) / 10 == pytest.approx(open_ms, abs=0.2)
    assert closed.payload[4] == 1


def test_every_code_is_strobed_whole(talk, chip):
    for code in range(256):
        talk.hear(FrameType.STROBED, talk.say(FrameType.CODE, code))
        talk.heard.clear()
    assert chip.read_at_strobes() == list(range(256))


def test_codes_on_each_other_s_heels_while_the_valve_works_are_strobed_whole(talk, chip):
    given = talk.give(20)
    for burst in range(20):
        sent = [talk.say(FrameType.CODE, (burst * 5 + place) % 256) for place in range(5)]
        talk.hear(FrameType.STROBED, sent[-1])
    talk.hear(FrameType.CLOSED, given)
    assert chip.read_at_strobes() == list(range(100))
    assert chip.openings_ms() == [pytest.approx(20, abs=0.1)]


def test_a_whole_port_changes_at_once(programs, tmp_path):
    """On the Mega a recorder that reads any change sees the code and zero, and nothing between."""
    with running(programs, tmp_path / "tty", board="mega2560") as chip:
        talk = Talk(chip.address)
        for code in (0x55, 0xAA, 0xFF, 0x01, 0x80):
            talk.hear(FrameType.STROBED, talk.say(FrameType.CODE, code))
        talk.line.close()
        assert [one.value for one in chip.changes("data")] == [0x55, 0, 0xAA, 0, 0xFF, 0, 0x01, 0, 0x80, 0]


def test_a_strobe_is_three_samples_of_a_recorder_long(talk, chip):
    talk.hear(FrameType.STROBED, talk.say(FrameType.CODE, 7))
    up, down = chip.changes("strobe")
    assert down.us - up.us >= 100
