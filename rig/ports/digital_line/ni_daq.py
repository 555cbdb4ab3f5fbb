"""NI-DAQ: a counter that times the valve's pulse by itself, or a digital line that this computer times.

Built against nidaqmx 1.7's functions; never tried on a device.
"""

from __future__ import annotations

from threading import Event
from typing import Any

from closedloop.errors import DeviceError
from closedloop.plain_text.installing import install_command
from rig.ports.digital_line.line import HostTime, HostTimedLine, PulseLine, driver_fault, open_valve

_REST_S = 0.001  # a counter's pulse ends with some low time, of which the shortest are no good for every device
_LONGEST_SLEEP_S = 0.002
_LATE_S = 1.0


def import_nidaqmx() -> Any:
    """Return the library.

    Raises
    ------
    DeviceError
        It is not installed.
    """
    try:
        import nidaqmx  # noqa: PLC0415 - of rigs with such a card alone
    except ImportError as error:
        raise DeviceError(
            f"reward by nidaqmx: expected its library, found none. Install it: {install_command('nidaqmx')}, "
            "and NI's own driver."
        ) from error
    return nidaqmx


def open_ni_line(address: str, library: Any = None, *, host: HostTime | None = None) -> PulseLine:
    """Open a counter (``Dev1/ctr0``) or a digital line (``Dev1/port0/line3``).

    Parameters
    ----------
    address
        As NI names it.
    library
        nidaqmx; imported where it is None.
    host
        Times the openings of a digital line.

    Raises
    ------
    DeviceError
        There is no library, or no such line.
    """
    library = library or import_nidaqmx()
    if "/ctr" in address:
        return NiCounter(address, library, host or HostTime())
    return HostTimedLine(NiLine(address, library), host)


class NiLine:
    """One digital line.

    Parameters
    ----------
    address
        Such as ``Dev1/port0/line3``.
    library
        nidaqmx.
    """

    def __init__(self, address: str, library: Any) -> None:
        self.place = f"NI line {address}"
        try:
            self._task = library.Task()
            self._task.do_channels.add_do_chan(address)
            self._task.start()
        except Exception as error:
            raise driver_fault(self.place, "to open it", error) from error

    def set_level(self, level: int) -> None:
        """Set it, at once."""
        self._task.write(bool(level), auto_start=True)

    def is_high(self) -> bool | None:
        """Return what the driver reads from an output: what it was set to last, whatever the wire is."""
        return bool(self._task.read())

    def close(self) -> None:
        """Release it; it keeps its level."""
        self._task.close()


class NiCounter:
    """A counter's output: one pulse a reward, whose length the card's own clock measures.

    Parameters
    ----------
    address
        Such as ``Dev1/ctr0``; the pulse comes out of its default terminal.
    library
        nidaqmx.
    host
        How long the card's word is waited for.
    """

    is_host_timed = False

    def __init__(self, address: str, library: Any, host: HostTime) -> None:
        self.place = f"NI counter {address}"
        self._address, self._library, self._host = address, library, host
        self._task: Any = None
        try:
            self._new_task(duration_ms=1.0).close()  # whether there is such a counter
        except Exception as error:
            raise driver_fault(self.place, "to open it", error) from error

    def _new_task(self, *, duration_ms: float) -> Any:
        task = self._library.Task()
        try:
            task.co_channels.add_co_pulse_chan_time(
                self._address, low_time=_REST_S, high_time=duration_ms / 1000.0, initial_delay=0.0
            )
        except BaseException:
            task.close()
            raise
        return task

    def pulse(self, duration_ms: float, cut: Event) -> float:
        """Have the card give one pulse, and wait until it says that it is over; see `PulseLine.pulse`."""
        now_s = self._host.now_s
        try:
            task = self._task = self._new_task(duration_ms=duration_ms)
        except Exception as error:
            raise driver_fault(self.place, "to open the valve", error) from error
        try:
            task.start()
            began_s = now_s()
            until_s = began_s + duration_ms / 1000.0 + _LATE_S
            while not task.is_task_done():
                if cut.is_set() or now_s() > until_s:
                    break
                self._host.sleep(_LONGEST_SLEEP_S)
            else:
                return duration_ms
        except Exception as error:
            raise driver_fault(self.place, f"a pulse of {duration_ms:g} ms", error) from error
        finally:
            self.shut()
        if cut.is_set():
            return min(1000.0 * (now_s() - began_s), duration_ms)
        raise open_valve(self.place, f"a pulse of {duration_ms:g} ms that does not end")

    def shut(self) -> None:
        """Stop the pulse: a counter without a task is idle, which is low."""
        task, self._task = self._task, None
        if task is None:
            return
        try:
            task.stop()
        except Exception as error:
            raise open_valve(self.place, f"that it cannot be stopped ({error})") from error
        finally:
            task.close()

    def close(self) -> None:
        """Stop the pulse and release the counter."""
        self.shut()
