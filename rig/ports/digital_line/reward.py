"""The valve on a digital line: opened by a thread of its own, counted when the line was set low again."""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from closedloop.errors import DeviceError
from rig.ports.digital_line.line import HostTime, PulseLine, open_valve

WAITS_S = 0.5
"""How long a reward waits that is asked for while the valve is open; later it would be no reward."""

LEAST_MS, LARGEST_MS = 0.1, 1000.0
_ANSWER_S = 0.5  # beyond an opening's own length: a driver that takes longer hangs


@dataclass(frozen=True)
class _Opening:
    """An opening of the valve: how long, and until when it has to have begun, or to be over once it has."""

    duration_ms: float
    until_s: float


class _ValveThread:
    """A line and the thread that alone touches it: one opening after the other, and none at once with another.

    Parameters
    ----------
    line
        Open, low; closed by the thread when it ends.
    host
        The clock.
    answer_s
        How long the driver may take.
    """

    def __init__(self, line: PulseLine, host: HostTime, answer_s: float) -> None:
        self.line, self._host, self._answer_s = line, host, answer_s
        self.changed = threading.Condition()  # of all that follows
        self.waiting: deque[_Opening] = deque()
        self.under_way: _Opening | None = None
        self.given_ms: list[float] = []
        self.faults: list[DeviceError] = []
        self.failed: DeviceError | None = None
        self._is_over, self._cut = False, threading.Event()
        self._thread = threading.Thread(target=self._run, name="valve", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (opening := self._next()) is not None:
            open_ms, fault = 0.0, None
            try:
                open_ms = self.line.pulse(opening.duration_ms, self._cut)
            except DeviceError as error:
                fault = error
            with self.changed:
                self._note(open_ms, fault)
        try:
            self.line.close()
        except DeviceError as error:
            self.failed = error

    def _next(self) -> _Opening | None:
        with self.changed:
            is_found = False
            while not is_found:
                self.changed.wait_for(lambda: self.waiting or self._is_over)
                if self._is_over:
                    return None
                self.look()  # whose turn comes too late is given nothing
                is_found = bool(self.waiting)
            self._cut.clear()
            opening, now_s = self.waiting.popleft(), self._host.now_s()
            self.under_way = _Opening(opening.duration_ms, now_s + opening.duration_ms / 1000.0 + self._answer_s)
            return opening

    def _note(self, open_ms: float, fault: DeviceError | None) -> None:
        self.under_way = None
        if fault is not None:
            self.fail(fault)
        elif self.failed is None:  # what ends after it was told that it hangs counts for none
            self.given_ms.append(open_ms)
        self.changed.notify_all()

    def fail(self, fault: DeviceError) -> None:
        """Give nothing more."""
        if self.failed is None:
            self.failed = fault
            self.faults.append(fault)
        self.waiting.clear()

    def look(self) -> None:
        """Note what came too late: a reward whose turn did not come, a driver that does not return."""
        now_s = self._host.now_s()
        if self.under_way is not None and now_s > self.under_way.until_s:
            self._cut.set()
            self.fail(open_valve(self.line.place, f"its driver hanging in {self.under_way.duration_ms:g} ms of reward"))
        while self.waiting and now_s > self.waiting[0].until_s:
            late = self.waiting.popleft()
            self.faults.append(
                DeviceError(
                    f"{self.line.place}: expected the valve to close within {WAITS_S:g} s, found it open. "
                    f"A reward of {late.duration_ms:g} ms was not given; give it again."
                )
            )

    def cut_short(self) -> None:
        """End an opening that is under way, forget those that wait, and return when the line is low."""
        with self.changed:
            self.waiting.clear()
            self._cut.set()
            self.changed.wait_for(lambda: self.under_way is None, timeout=self._answer_s)

    def end(self) -> None:
        """Close the valve and the line.

        Raises
        ------
        DeviceError
            The line may be high.
        """
        with self.changed:
            self._is_over = True
            self.waiting.clear()
            self._cut.set()
            self.changed.notify_all()
        self._thread.join(self._answer_s)
        if self._thread.is_alive():
            raise open_valve(self.line.place, "its driver hanging")
        if self.failed is not None and self.failed not in self.faults:
            raise self.failed


class DigitalLineReward:
    """Opens the valve for a time, without anybody who waits for it.

    Parameters
    ----------
    name
        Of the kind of device, for the journal.
    open_line
        Opens the line, low; called again by `mend`.
    host
        The clock.
    """

    largest_ms = LARGEST_MS

    def __init__(self, name: str, open_line: Callable[[], PulseLine], *, host: HostTime | None = None) -> None:
        self.name, self._open_line, self._host = name, open_line, host or HostTime()
        self._valve = self._open()
        self._restore = _shut_before_a_pause(self._cut_short)
        atexit.register(self._cut_short)

    def _open(self) -> _ValveThread:
        return _ValveThread(self._open_line(), self._host, _ANSWER_S)

    def _cut_short(self) -> None:
        self._valve.cut_short()

    @property
    def place(self) -> str:
        """Where the line is."""
        return self._valve.line.place

    @property
    def is_host_timed(self) -> bool:
        """Whether a program that is killed leaves the valve open."""
        return self._valve.line.is_host_timed

    def give(self, duration_ms: float) -> None:
        """Have the valve opened, or opened again once it has closed.

        Raises
        ------
        DeviceError
            The line failed, and nobody has mended it; or no valve opens for so long at once.
        """
        valve = self._valve
        if not LEAST_MS <= duration_ms <= LARGEST_MS:
            raise DeviceError(
                f"{self.place}: expected a reward of {LEAST_MS:g} to {LARGEST_MS:g} ms, found {duration_ms:g} ms. "
                "Give less at once."
            )
        with valve.changed:
            if valve.failed is not None:
                raise valve.failed
            valve.waiting.append(_Opening(duration_ms, self._host.now_s() + WAITS_S))
            valve.changed.notify_all()

    def acknowledged(self) -> list[float]:
        """Return for how many ms the valve was open, of each opening whose line is low again.

        Raises
        ------
        DeviceError
            The line failed, its driver hangs, or the valve was open for longer than a reward waits.
        """
        valve = self._valve
        with valve.changed:
            given_ms, valve.given_ms = valve.given_ms, []
            if not given_ms:  # what is wrong beside it is said at the next call: what was given counts
                self._raise_fault(valve)
            return given_ms

    def _raise_fault(self, valve: _ValveThread) -> None:
        valve.look()
        if valve.faults:
            raise valve.faults.pop(0)

    def check(self) -> None:
        """Look whether the openings went well so far.

        Raises
        ------
        DeviceError
            One did not; told once.
        """
        with self._valve.changed:
            self._raise_fault(self._valve)

    def mend(self) -> None:
        """Open the line again if it failed; a reward under way is forgotten.

        Raises
        ------
        SessionError
            It is still not there.
        """
        if self._valve.failed is None:
            return
        with suppress(DeviceError):  # what was wrong with it was told
            self._valve.end()
        self._valve = self._open()

    def close(self) -> None:
        """Close the valve, also in the middle of an opening, and release the line.

        Raises
        ------
        DeviceError
            It may be open.
        """
        atexit.unregister(self._cut_short)
        self._restore()
        self._valve.end()


def _shut_before_a_pause(shut: Callable[[], None]) -> Callable[[], None]:
    """Close the valve before Ctrl-Z stops this program with it open; return what undoes that."""
    number = getattr(signal, "SIGTSTP", None)  # Windows has none
    if number is None or threading.current_thread() is not threading.main_thread():
        return lambda: None
    if signal.getsignal(number) is not signal.SIG_DFL:
        return lambda: None

    def pause(_number: int, _frame: FrameType | None) -> None:
        shut()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # stops here, and goes on here
        signal.signal(number, pause)

    def restore() -> None:
        if signal.getsignal(number) is pause:
            signal.signal(number, signal.SIG_DFL)

    signal.signal(number, pause)
    return restore
