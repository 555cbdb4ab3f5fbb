"""A serial line that never waits: what cannot be written or read now is said at once."""

from __future__ import annotations

import os
import select
import sys
import time
from contextlib import suppress

from closedloop.errors import DeviceError
from closedloop.plain_text.installing import install_command

BAUD = 500_000
"""Divides the microcontroller's 16 MHz without a rest; 115,200 is 2.1 % off."""

_LEAST_WAIT_S = 0.001


class SerialLine:
    """A serial port, opened for one program alone.

    Parameters
    ----------
    address
        Name of the port, such as ``/dev/ttyACM0`` or ``COM3``.
    baud
        Bits per second.
    """

    def __init__(self, address: str, *, baud: int = BAUD) -> None:
        self.place = f"microcontroller at {address}"
        try:
            import serial  # noqa: PLC0415 - of the rig extra; rigs without a wire do without
        except ImportError as error:
            raise DeviceError(
                f"{self.place}: expected the library pyserial, found none. Install it: {install_command('rig')}."
            ) from error
        try:
            self._port = serial.Serial(address, baud, timeout=0, write_timeout=0, exclusive=_exclusive())
        except (OSError, ValueError) as error:  # pyserial's own errors are OSErrors
            raise DeviceError(f"{self.place}: expected to open it, found {_why_not(error)}") from error

    def write(self, data: bytes) -> None:
        """Hand data to the system, all of it and at once.

        Raises
        ------
        DeviceError
            The port is gone, or takes nothing any more.
        """
        try:
            if sys.platform == "win32":
                n = int(self._port.write(data) or 0)  # returns at once there
            else:
                n = os.write(self._port.fileno(), data)  # pyserial's own goes round until a full buffer has room
        except BlockingIOError:
            n = 0
        except OSError as error:
            raise self._gone(error) from error
        if n < len(data):
            raise DeviceError(
                f"{self.place}: expected it to take what it is told, found {len(data) - n} bytes that wait: "
                "nobody reads them. Check that it runs its firmware, then continue."
            )

    def read(self) -> bytes:
        """Return what has come.

        Raises
        ------
        DeviceError
            The port is gone.
        """
        try:
            if sys.platform == "win32":
                return bytes(self._port.read(self._port.in_waiting))
            return self._read_descriptor()
        except OSError as error:
            raise self._gone(error) from error

    def _read_descriptor(self) -> bytes:
        descriptor = self._port.fileno()
        if not select.select([descriptor], [], [], 0)[0]:
            return b""
        heard = os.read(descriptor, 4096)
        if not heard:  # a port that was unplugged is always ready, and has nothing
            raise OSError("its end")
        return heard

    def wait(self, until_s: float) -> bool:
        """Wait until something may have come, and return whether that was before a monotonic time."""
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            return False
        if sys.platform == "win32":
            time.sleep(min(left_s, _LEAST_WAIT_S))
            return True
        try:
            select.select([self._port.fileno()], [], [], left_s)
        except OSError as error:
            raise self._gone(error) from error
        return True

    def _gone(self, error: OSError) -> DeviceError:
        found = error.strerror or str(error)
        return DeviceError(f"{self.place}: expected it on its wire, found: {found}. Plug it in again, then continue.")

    def close(self) -> None:
        """Close the port, and forget what nobody reads: the system would wait for it, up to half a minute."""
        with suppress(Exception):  # a port that is gone has nothing to forget
            if self._port.out_waiting:
                self._port.reset_output_buffer()
        with suppress(Exception):
            self._port.close()


def _exclusive() -> bool | None:
    return None if sys.platform == "win32" else True  # Windows gives a port to one program anyway


def _why_not(error: Exception) -> str:
    if isinstance(error, FileNotFoundError) or getattr(error, "errno", None) in (2, 6):
        return "no such port. Plug it in; `rig devices` lists what is there: name it in rig.yaml."
    if isinstance(error, PermissionError) or getattr(error, "errno", None) == 13:
        return "no permission. `rig devices` says what gives it."
    if getattr(error, "errno", None) in (11, 16) or "lock" in str(error):
        return f"that another program has it ({error}). Close that program."
    return f"{error}. `rig devices` lists what is there; name it in rig.yaml."
