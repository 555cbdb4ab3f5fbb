"""Digital lines to hang a valve on: a register, and the functions of two makers' libraries that are used.

All on a clock that goes on when somebody sleeps: an opening has its exact length however busy this machine is.
"""

from __future__ import annotations

import threading
from types import SimpleNamespace

from closedloop.errors import SessionError
from rig.ports.digital_line.lab_jack import open_labjack_line
from rig.ports.digital_line.line import HostTime, HostTimedLine, ParallelLine
from rig.ports.digital_line.ni_daq import open_ni_line
from rig.ports.digital_line.reward import DigitalLineReward

KINDS = ["digital_line", "nidaqmx", "nidaqmx counter", "labjack"]
HOST_TIMED = ["digital_line", "nidaqmx", "labjack"]


class SimulatedTime:
    """A clock that goes on by what is slept; two threads may read it."""

    def __init__(self):
        self._now_s, self._lock = 100.0, threading.Lock()
        self.on_sleep = lambda: None

    def now_s(self):
        with self._lock:
            return self._now_s

    def sleep(self, s):
        self.on_sleep()
        with self._lock:
            self._now_s += s


class Wire:
    """What hangs on the line: it knows when it was high. It can hang, be gone, or be held high by something else."""

    def __init__(self, time):
        self.time, self.is_there, self.is_stuck_high = time, True, False
        self._on_s, self._until_s, self.openings_ms = None, None, []
        self._goes_on = threading.Event()
        self._goes_on.set()
        self.slow_s = 0.0

    def set(self, level):
        self._goes_on.wait()
        if not self.is_there:
            raise OSError("the device is not there")
        self.time.sleep(self.slow_s)
        if level and self._on_s is None:
            self._on_s = self.time.now_s()
        elif not level:
            self._low(self.time.now_s())

    def pulse(self, s):
        """Be high for a time that the card's own clock measures, whatever becomes of who asked for it."""
        self.set(1)
        self._until_s = self._on_s + s

    def _low(self, at_s):
        if self._on_s is not None:
            self.openings_ms.append(1000 * (at_s - self._on_s))
        self._on_s = self._until_s = None

    @property
    def level(self):
        if self._until_s is not None and self.time.now_s() >= self._until_s:
            self._low(self._until_s)
        return int(self.is_stuck_high or self._on_s is not None)

    def stall(self):
        self._goes_on.clear()

    def go_on(self):
        self._goes_on.set()


class Register:
    """A parallel port's data lines, the valve on D3."""

    def __init__(self, wire):
        self._wire = wire
        if not wire.is_there:  # as `open_parallel_port` says it
            raise SessionError("parallel port 0x378: expected to open it, found none.")

    def setData(self, data):  # noqa: N802
        assert data in (0, 8), "another line was driven"
        self._wire.set(data >> 3)

    def readData(self):  # noqa: N802
        return 255 if self._wire.is_stuck_high else self._wire.level << 3


class FakeTask:
    """nidaqmx.Task, as far as it is used: signatures and order as in nidaqmx 1.7."""

    def __init__(self, wire):
        self._wire, self._is_open, self._is_started = wire, True, False
        self._pulse_s = None
        self.do_channels = SimpleNamespace(add_do_chan=self._add_line)
        self.co_channels = SimpleNamespace(add_co_pulse_chan_time=self._add_counter)

    def _add_line(self, lines):
        assert lines == "Dev1/port0/line3"
        if not self._wire.is_there:
            raise OSError("Device identifier is invalid. -200220")

    def _add_counter(self, counter, *, low_time, high_time, initial_delay):
        assert counter == "Dev1/ctr0"
        assert low_time > 0
        if not self._wire.is_there:
            raise OSError("Device identifier is invalid. -200220")
        self._pulse_s = high_time

    def start(self):
        self._is_started = True
        if self._pulse_s is not None:
            self._wire.pulse(self._pulse_s)

    def write(self, data, auto_start):
        assert self._is_open
        assert isinstance(data, bool)
        self._wire.set(int(data))

    def read(self):
        return bool(self._wire.level)

    def is_task_done(self):
        if not self._wire.is_there:
            raise OSError("Device removed. -88710")
        return not self._wire.level

    def stop(self):
        assert self._is_open
        if self._pulse_s is not None and self._wire.level:
            self._wire.set(0)

    def close(self):
        self._is_open = False


class FakeLjm:
    """labjack.ljm, as far as it is used."""

    def __init__(self, wire):
        self._wire = wire

    def openS(self, device_type, connection, identifier):  # noqa: N802
        assert (device_type, connection, identifier) == ("ANY", "ANY", "470010108")
        if not self._wire.is_there:
            raise OSError("LJM library error code 1227 LJME_DEVICE_NOT_FOUND")
        return 7

    def eWriteName(self, handle, name, value):  # noqa: N802
        assert (handle, name) == (7, "FIO4")
        self._wire.set(value)

    def close(self, handle):
        assert handle == 7


def open_line(kind, wire):
    """Return the line of a kind, as the rig opens it."""
    host = HostTime(wire.time.now_s, wire.time.sleep)
    if kind == "digital_line":
        return HostTimedLine(ParallelLine(Register(wire), "D3", "0x378"), host)
    if kind == "labjack":
        return open_labjack_line("470010108", "FIO4", FakeLjm(wire), host=host)
    library = SimpleNamespace(Task=lambda: FakeTask(wire))
    return open_ni_line("Dev1/ctr0" if kind.endswith("counter") else "Dev1/port0/line3", library, host=host)


def open_line_valve(kind, wire):
    """Return a valve on a line of a kind."""
    host = HostTime(wire.time.now_s, wire.time.sleep)
    return DigitalLineReward(kind.split()[0], lambda: open_line(kind, wire), host=host)
