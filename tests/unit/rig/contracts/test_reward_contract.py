"""What every valve keeps, the fakes as well as the firmware on a simulated chip; and each by a wire, in trouble."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from random import Random

import pytest

from closedloop.errors import DeviceError, SessionError
from rig.ports.microcontroller.device import AnswerTimes
from rig.ports.microcontroller.reward import MicrocontrollerReward
from rig.ports.reward import LoggedReward
from tests.equipment.digital_lines import HOST_TIMED, KINDS, SimulatedTime, Wire, open_line_valve
from tests.equipment.fake_microcontroller import talking
from tests.equipment.microcontrollers import BOARDS, HASTY, PATIENT, Socket, until
from tests.unit.rig.ports import SlowValve

pytestmark = pytest.mark.slow


def open_valve(kind, bench):
    """Return a valve, and a function that returns how long it was really open, ms each."""
    if kind == "logged":
        logged = LoggedReward()
        return logged, lambda: logged.given_ms
    if kind == "slow":
        slow = SlowValve(time.monotonic, Random(1))
        return slow, lambda: slow.confirmed_ms
    if kind in KINDS:
        wire = Wire(SimulatedTime())
        return open_line_valve(kind, wire), lambda: wire.openings_ms
    device = bench.plug()
    return MicrocontrollerReward(bench.open()), device.openings_ms


@pytest.fixture
def make_bench(request, tmp_path):
    with ExitStack() as stack:
        yield lambda board: Socket(board, tmp_path / "ttyACM0", lambda: request.getfixturevalue("programs"), stack)


def collected(port, n):
    """Wait for so many confirmations, and return them all."""
    found = []
    until(lambda: found.extend(port.acknowledged()) or len(found) >= n)
    return found


@pytest.mark.parametrize("kind", ["logged", "slow", *KINDS, *BOARDS])
class TestEveryValve:
    def test_has_a_name_that_says_that_it_counts(self, kind, make_bench):
        port, _ = open_valve(kind, make_bench(kind))
        assert port.name not in ("", "none")
        port.close()

    def test_confirms_what_it_gave_in_its_order_and_once(self, kind, make_bench):
        port, given = open_valve(kind, make_bench(kind))
        assert port.acknowledged() == []
        for ms in (20.0, 5.0, 30.5):
            port.give(ms)
            assert collected(port, 1) == [pytest.approx(ms, abs=0.1)]
        assert given() == [pytest.approx(ms, abs=1.0) for ms in (20.0, 5.0, 30.5)]
        assert port.acknowledged() == []
        port.close()

    def test_gives_a_second_one_that_is_asked_for_while_it_is_open(self, kind, make_bench):
        port, given = open_valve(kind, make_bench(kind))
        port.give(40.0)
        port.give(10.0)
        assert sorted(collected(port, 2)) == [pytest.approx(10.0, abs=0.1), pytest.approx(40.0, abs=0.1)]
        assert sum(given()) == pytest.approx(50.0, abs=2.0)
        port.close()


@pytest.fixture(params=BOARDS)
def bench(request, make_bench):
    return make_bench(request.param)


class TestEveryValveOnAWire:
    """Normal is above. What does not answer is told once, gives nothing more, and is opened again by `mend`."""

    def test_stalled(self, bench):
        device = bench.plug()
        port = MicrocontrollerReward(bench.open(AnswerTimes(60.0, 1.0, 0.05)))
        device.stall()
        port.give(20.0)
        with pytest.raises(DeviceError, match=r"expected the valve to close after 20 ms.*found none.*then continue"):
            until(port.acknowledged)
        assert port.acknowledged() == []  # told once
        with pytest.raises(DeviceError, match="expected the valve to close"):
            port.give(20.0)  # whoever gives is told again
        device.go_on()
        port.close()

    def test_stalled_for_a_while_and_mended(self, bench):
        device = bench.plug()
        port = MicrocontrollerReward(bench.open(AnswerTimes(60.0, 1.0, 0.05)))
        device.stall()
        port.give(20.0)
        with pytest.raises(DeviceError):
            until(port.acknowledged)
        device.go_on()
        port.mend()
        assert port.acknowledged() == []  # the reward that was lost counts for none
        port.close()

    def test_slow(self, bench):
        device = bench.plug("late_ms=150")
        port = MicrocontrollerReward(bench.open(AnswerTimes(60.0, 0.05, 60.0)))  # greeted again before it answers
        port.give(20.0)
        assert collected(port, 1) == [20.0]
        assert device.openings_ms() == [pytest.approx(20.0, abs=1.0)]
        port.close()

    def test_garbled(self, bench):
        bench.plug("garble=25")  # its first frame is that it begins, its second that it is there
        port = MicrocontrollerReward(bench.open(AnswerTimes(60.0, 60.0, 60.0)))
        port.give(20.0)
        with pytest.raises(DeviceError, match=r"expected whole frames, found that \d+ bytes.*Check its cable"):
            until(port.acknowledged)
        port.close()

    def test_garbled_from_the_beginning(self, bench):
        bench.plug("garble=3")
        with pytest.raises(DeviceError, match=r"expected the rig's firmware.*bytes that are no answer"):
            bench.open(AnswerTimes(0.5, 0.1, 60.0))

    def test_unplugged(self, bench):
        device = bench.plug()
        port = MicrocontrollerReward(bench.open())
        device.unplug()
        with pytest.raises(SessionError, match=r"microcontroller at .*: expected it on its wire.*Plug it in again"):
            port.check()
        port.check()  # told once
        with pytest.raises(SessionError, match="Plug it in again"):
            port.give(20.0)
        with pytest.raises(SessionError, match="no such port"):
            port.mend()
        port.close()

    def test_absent(self, bench):
        with pytest.raises(DeviceError, match=r"no such port. Plug it in; `rig devices`"):
            bench.open()

    def test_reconnected(self, bench):
        bench.plug().unplug()
        device = bench.plug()
        port = MicrocontrollerReward(bench.open())
        port.mend()  # nothing failed: nothing is done
        device.unplug()
        with pytest.raises(SessionError):
            port.check()
        device = bench.plug()
        port.mend()
        port.give(20.0)
        assert collected(port, 1) == [20.0]
        assert device.openings_ms() == [pytest.approx(20.0, abs=1.0)]
        port.close()

    def test_busy_for_longer_than_a_reward_waits(self, bench):
        device = bench.plug()
        port = MicrocontrollerReward(bench.open())
        port.give(1000.0)
        port.give(20.0)
        with pytest.raises(DeviceError, match=r"found it open. A reward of 20 ms was not given; give it again"):
            until(port.acknowledged)
        assert collected(port, 1) == [1000.0]
        assert device.openings_ms() == [pytest.approx(1000.0, abs=1.0)]
        port.close()

    def test_asked_for_too_much(self, bench):
        bench.plug()
        port = MicrocontrollerReward(bench.open())
        with pytest.raises(DeviceError, match=r"expected a reward of 0.1 to 1000 ms, found 1500 ms. Give less"):
            port.give(1500.0)
        port.give(5.0)  # and goes on
        assert collected(port, 1) == [5.0]
        port.close()

    def test_closed_by_who_leaves(self, bench):
        device = bench.plug()
        port = MicrocontrollerReward(bench.open())
        port.give(1000.0)
        port.close()
        if bench.board != "fake":
            until(device.openings_ms)
            assert device.openings_ms()[0] < 1000.0


def test_another_device_at_the_address(tmp_path):
    with talking(tmp_path / "tty") as address, pytest.raises(DeviceError, match="another device"):
        Socket("fake", address, lambda: None, ExitStack()).open(HASTY)


def test_patience_is_for_machines_that_are_busy():
    assert PATIENT.answer_s > AnswerTimes().answer_s > HASTY.answer_s


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def wire():
    wire = Wire(SimulatedTime())
    yield wire
    wire.go_on()


def fault_of(port):
    """Wait for a fault, and return its line."""
    with pytest.raises(DeviceError) as raised:
        until(port.acknowledged)
    return str(raised.value)


class TestEveryValveOnADigitalLine:
    """The same troubles. Nothing comes back on a line, so that nothing can come garbled."""

    def test_never_opens_twice_at_once(self, kind, wire):
        port = open_line_valve(kind, wire)
        for _ in range(5):
            port.give(20.0)
        assert collected(port, 5) == [pytest.approx(20.0, abs=0.1)] * 5
        assert wire.openings_ms == [pytest.approx(20.0, abs=0.1)] * 5
        port.close()

    def test_stalled_in_an_opening(self, kind, wire):
        port = open_line_valve(kind, wire)
        wire.stall()
        port.give(20.0)
        until(lambda: port._valve.under_way is not None)
        wire.time.sleep(0.6)
        assert "the valve may be open. Close the tap at once" in fault_of(port)
        assert port.acknowledged() == []  # told once
        port.check()
        with pytest.raises(DeviceError, match="driver hanging in 20 ms"):
            port.give(20.0)  # whoever gives is told again
        wire.go_on()
        until(lambda: port._valve.under_way is None)
        assert not wire.level
        assert port.acknowledged() == []  # and counts for none
        port.mend()
        port.give(5.0)
        assert collected(port, 1) == [pytest.approx(5.0, abs=0.1)]
        port.close()

    def test_slow(self, kind, wire):
        port = open_line_valve(kind, wire)
        wire.slow_s = 0.01
        port.give(20.0)
        given = collected(port, 1)
        assert given == [pytest.approx(wire.openings_ms[0], abs=10.1)]
        assert wire.openings_ms[0] >= 20.0 - 0.1
        port.close()

    def test_unplugged_and_reconnected(self, kind, wire):
        port = open_line_valve(kind, wire)
        port.mend()  # nothing failed: nothing is done
        wire.is_there = False
        port.give(20.0)
        assert port.place in fault_of(port)
        port.check()  # told once
        with pytest.raises(DeviceError):
            port.give(20.0)
        with pytest.raises(SessionError):
            port.mend()
        wire.is_there = True
        port.mend()
        port.give(20.0)
        assert collected(port, 1) == [pytest.approx(20.0, abs=0.1)]
        assert wire.openings_ms == [pytest.approx(20.0, abs=0.1)]
        port.close()

    def test_mended_where_nothing_failed(self, kind, wire):
        """Somebody continues a session for another reason: an opening that is under way is left alone."""
        port = open_line_valve(kind, wire)
        asleep, is_mended = threading.Event(), threading.Event()
        wire.time.on_sleep = lambda: (asleep.set(), until(is_mended.is_set))
        port.give(20.0)
        until(asleep.is_set)
        port.mend()
        is_mended.set()
        assert collected(port, 1) == [pytest.approx(20.0, abs=0.1)]
        port.close()

    def test_cut_short_once(self, kind, wire):
        """As Ctrl-Z does: what was under way is closed and counts for what it was; the next one is whole."""
        port = open_line_valve(kind, wire)
        asleep = threading.Event()
        wire.time.on_sleep = lambda: (asleep.set(), until(port._valve._cut.is_set))
        port.give(1000.0)
        port.give(1000.0)
        until(asleep.is_set)
        port._cut_short()
        assert not wire.level
        wire.time.on_sleep = lambda: None
        (ms,) = collected(port, 1)
        assert ms == pytest.approx(wire.openings_ms[0], abs=0.1)
        assert ms < 1000.0
        port.give(20.0)
        assert collected(port, 1) == [pytest.approx(20.0, abs=0.1)]
        port.close()

    def test_unplugged_while_it_is_open(self, kind, wire):
        port = open_line_valve(kind, wire)
        wire.time.on_sleep = lambda: setattr(wire, "is_there", False)
        port.give(20.0)
        assert "the valve may be open. Close the tap at once" in fault_of(port)
        assert wire.level or kind not in HOST_TIMED  # and that was true
        wire.time.on_sleep = lambda: None
        wire.is_there = True
        port.mend()
        wire.time.sleep(0.02)  # a card's own pulse is over by now
        assert not wire.level
        assert port.acknowledged() == []
        port.close()

    def test_absent(self, kind, wire):
        wire.is_there = False
        with pytest.raises(SessionError, match=r"expected to open it|expected it low"):
            open_line_valve(kind, wire)

    def test_busy_for_longer_than_a_reward_waits(self, kind, wire):
        port = open_line_valve(kind, wire)
        are_asked = threading.Event()
        wire.time.on_sleep = lambda: until(are_asked.is_set)
        port.give(1000.0)
        port.give(20.0)
        are_asked.set()
        assert collected(port, 1) == [pytest.approx(1000.0, abs=0.1)]
        assert "found it open. A reward of 20 ms was not given; give it again" in fault_of(port)
        assert wire.openings_ms == [pytest.approx(1000.0, abs=0.1)]
        port.give(20.0)  # and goes on
        assert collected(port, 1) == [pytest.approx(20.0, abs=0.1)]
        port.close()

    @pytest.mark.parametrize("ms", [0.0, 0.05, 1000.1, 1500.0, float("nan")])
    def test_asked_for_too_much_or_nothing(self, kind, wire, ms):
        port = open_line_valve(kind, wire)
        with pytest.raises(DeviceError, match=r"expected a reward of 0.1 to 1000 ms, found"):
            port.give(ms)
        port.give(5.0)  # and goes on
        assert collected(port, 1) == [pytest.approx(5.0, abs=0.1)]
        port.close()

    def test_closed_by_who_leaves_in_an_opening(self, kind, wire):
        port = open_line_valve(kind, wire)
        asleep = threading.Event()
        wire.time.on_sleep = lambda: (asleep.set(), until(port._valve._cut.is_set))
        port.give(1000.0)
        until(asleep.is_set)
        port.close()
        assert not wire.level
        assert len(wire.openings_ms) == 1
        assert wire.openings_ms[0] < 1000.0

    @pytest.mark.parametrize("kind", [one for one in KINDS if one != "labjack"])  # whose line is not read back
    def test_something_else_at_the_line(self, kind, wire):
        """A port that is not there reads as high, and so does a line that something else holds."""
        wire.is_stuck_high = True
        if kind in HOST_TIMED:
            with pytest.raises(DeviceError, match="expected it low, found it high: the valve may be open"):
                open_line_valve(kind, wire)
            return
        port = open_line_valve(kind, wire)
        port.give(20.0)
        assert "a pulse of 20 ms that does not end" in fault_of(port)
