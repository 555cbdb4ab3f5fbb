"""LabJack T-series: a digital line that this computer times. Built against labjack-ljm 1.23; never tried on a device.

Its clocks could time a pulse; whether it is over they say in a way that nobody here could try: they are not used.
"""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from closedloop.errors import DeviceError
from closedloop.plain_text.installing import install_command
from rig.ports.digital_line.line import HostTime, HostTimedLine, driver_fault


def import_ljm() -> Any:
    """Return the library.

    Raises
    ------
    DeviceError
        It is not installed.
    """
    try:
        with redirect_stdout(StringIO()):  # it prints where LabJack's own library is missing, and goes on without
            from labjack import ljm  # noqa: PLC0415 - of rigs with such a device alone
    except ImportError as error:
        raise _no_library() from error
    if getattr(getattr(ljm, "ljm", None), "_staticLib", "there") is None:
        raise _no_library()
    return ljm


def _no_library() -> DeviceError:
    return DeviceError(
        f"reward by labjack: expected its library, found none. Install it: {install_command('labjack')}, and "
        "LabJack's LJM software."
    )


def open_labjack_line(address: str, line: str, library: Any = None, *, host: HostTime | None = None) -> HostTimedLine:
    """Open a line of a LabJack.

    Parameters
    ----------
    address
        Serial number, IP address or name of the device, or ANY where one is plugged in.
    line
        Such as FIO4.
    library
        labjack.ljm; imported where it is None.
    host
        Times the openings.

    Raises
    ------
    DeviceError
        There is no library, or no such device.
    """
    return HostTimedLine(LabJackLine(address, line, library or import_ljm()), host)


class LabJackLine:
    """One digital line.

    Parameters
    ----------
    address, line
        See `open_labjack_line`.
    library
        labjack.ljm.
    """

    def __init__(self, address: str, line: str, library: Any) -> None:
        self.place = f"line {line} of LabJack {address}"
        self._line, self._library = line, library
        try:
            self._handle = library.openS("ANY", "ANY", address)
        except Exception as error:
            raise driver_fault(self.place, "to open it", error) from error

    def set_level(self, level: int) -> None:
        """Set it; the call returns when the device has answered."""
        self._library.eWriteName(self._handle, self._line, level)

    def is_high(self) -> bool | None:
        """Return None: to read a line would make it an input, and let go of the valve's driver."""
        return None

    def close(self) -> None:
        """Release the device."""
        self._library.close(self._handle)
