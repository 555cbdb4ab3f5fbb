"""A digital line that opens a valve while it is high, and how long this computer holds it so.

Who times the opening is the weak point. A line that is only set is timed here: the program sleeps until it is over and
sets the line low again. A program that is killed, or a computer that hangs, cannot: the valve then stays open until
somebody closes the tap. Hardware that times a pulse by itself is preferred where it has one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from closedloop.errors import DeviceError
from rig.ports.codes import ParallelRegister

_LONGEST_SLEEP_S = 0.005  # after which it is asked again whether the valve shall close at once
_TRIES_TO_CLOSE = 3


@dataclass(frozen=True)
class HostTime:
    """The clock that times an opening.

    Attributes
    ----------
    now_s
        Any clock that only goes forward, seconds.
    sleep
        Lets seconds pass.
    """

    now_s: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep


class OutputLine(Protocol):
    """A line that can be set."""

    @property
    def place(self) -> str:
        """Where it is, for a person who looks for its cable."""
        ...

    def set_level(self, level: int) -> None:
        """Set it low (0) or high (1); whatever the driver raises passes through."""
        ...

    def is_high(self) -> bool | None:
        """Return what the driver reads back from it; None where it cannot be read."""
        ...

    def close(self) -> None:
        """Release it."""
        ...


class PulseLine(Protocol):
    """A valve's line that can be high for a time."""

    @property
    def place(self) -> str:
        """Where it is, for a person who looks for its cable."""
        ...

    @property
    def is_host_timed(self) -> bool:
        """Whether a program that is killed leaves the valve open."""
        ...

    def pulse(self, duration_ms: float, cut: Event) -> float:
        """Open the valve, wait, close it, and return for how many ms it was open.

        Parameters
        ----------
        duration_ms
            How long.
        cut
            Set where it shall close at once.

        Raises
        ------
        DeviceError
            The line could not be set, or is not low again.
        """
        ...

    def shut(self) -> None:
        """Close the valve, whatever was before.

        Raises
        ------
        DeviceError
            That could not be done.
        """
        ...

    def close(self) -> None:
        """Release the line, low."""
        ...


class HostTimedLine:
    """A line that this program sets high, and low again when the time is over.

    Parameters
    ----------
    line
        Set low at once.
    host
        Times the openings.
    """

    is_host_timed = True

    def __init__(self, line: OutputLine, host: HostTime | None = None) -> None:
        self._line, self._host = line, host or HostTime()
        self.place = line.place
        self.shut()

    def pulse(self, duration_ms: float, cut: Event) -> float:
        """See `PulseLine.pulse`."""
        now_s = self._host.now_s
        try:
            try:
                self._line.set_level(1)
            except Exception as error:
                raise driver_fault(self.place, "to open the valve", error) from error
            opened_s = now_s()
            self._wait(opened_s + duration_ms / 1000.0, cut)
        finally:
            self.shut()  # also where it could not be opened: nobody knows what a driver did that failed
        return 1000.0 * (now_s() - opened_s)

    def _wait(self, until_s: float, cut: Event) -> None:
        while not cut.is_set() and (left_s := until_s - self._host.now_s()) > 0:
            self._host.sleep(min(left_s, _LONGEST_SLEEP_S))

    def shut(self) -> None:
        """See `PulseLine.shut`."""
        for tries_left in reversed(range(_TRIES_TO_CLOSE)):
            try:
                self._line.set_level(0)
                is_high = self._line.is_high()
                break
            except Exception as error:
                if not tries_left:
                    raise open_valve(self.place, f"that it cannot be set ({_said(error)})") from error
        if is_high:
            raise open_valve(self.place, "it high")

    def close(self) -> None:
        """Release the line, low."""
        try:
            self.shut()
        finally:
            with suppress(Exception):  # it is low, or was told of
                self._line.close()


class ParallelLine:
    """One of the eight data lines of a parallel port that nothing else uses.

    Parameters
    ----------
    register
        The port's.
    line
        D0 to D7: pins 2 to 9.
    address
        Of the port.
    """

    def __init__(self, register: ParallelRegister, line: str, address: str) -> None:
        self._register, self._mask = register, 1 << int(line.removeprefix("D"))
        self.place = f"line {line} of parallel port {address}"

    def set_level(self, level: int) -> None:
        """Set it, and the seven others low."""
        self._register.setData(self._mask if level else 0)

    def is_high(self) -> bool | None:
        """Read the data lines back, where the driver does; a port that is not there reads as all high."""
        read = getattr(self._register, "readData", None)
        data = read() if read is not None else None
        return bool(data & self._mask) if isinstance(data, int) else None

    def close(self) -> None:
        """Do nothing: the port goes with its driver's object."""


def driver_fault(place: str, wanted: str, error: Exception) -> DeviceError:
    """Return what a driver raised as one line.

    Parameters
    ----------
    place
        Of the line.
    wanted
        What was to be done, "to open it".
    error
        What it raised.
    """
    if isinstance(error, DeviceError):
        return error
    return DeviceError(
        f"{place}: expected {wanted}, found {_said(error)}. Check its cable, its power and its driver, then continue."
    )


def open_valve(place: str, found: str) -> DeviceError:
    """Return the error of a line that is not low after an opening.

    Parameters
    ----------
    place
        Of the line.
    found
        In the place of a low line.
    """
    return DeviceError(
        f"{place}: expected it low, found {found}: the valve may be open. Close the tap at once, then look at the "
        "line's wiring."
    )


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
