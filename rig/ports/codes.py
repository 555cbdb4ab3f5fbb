"""The port for digital codes to the recorder, and its transports."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import Protocol

from closedloop.artifacts.day.session import CodeTransport
from closedloop.artifacts.rig.ports import CodeFraming
from closedloop.errors import SessionError
from rig.ports.code_frames import CodeFrames
from rig.ports.recorders.port import Recorder

_REPLUG = "Check the cable, then run the same command with --resume."
_CODE_HOLD_S = 100e-6  # three samples of a recorder's digital input at 30 kHz


class CodePort(Protocol):
    """Sends a digital code of eight bits to the recording system."""

    @property
    def transport(self) -> CodeTransport:
        """How codes leave, for the journal; "file" where they do not."""
        ...

    def send(self, code: int) -> None:
        """Send one code now."""
        ...

    def close(self) -> None:
        """Release the port."""
        ...


class FileCodes:
    """No wire: the journal holds the codes, and the simulated array puts them into the recording."""

    transport: CodeTransport = "file"

    def send(self, code: int) -> None:
        """Send nothing."""

    def close(self) -> None:
        """Do nothing."""


class ParallelRegister(Protocol):
    """The part of a parallel port driver that is used."""

    def setData(self, data: int) -> None:  # noqa: N802 - the driver's name for it
        """Set the eight data lines."""
        ...


class ParallelCodes:
    """Eight data lines: the code, long enough to be sampled, then zero, so that the same code twice is two changes.

    The recorder's digital input is set to latch any change; a strobe line is not driven.
    """

    transport: CodeTransport = "parallel"

    def __init__(self, register: ParallelRegister) -> None:
        self._register = register

    def send(self, code: int) -> None:
        """Set the code on the data lines, hold it, then clear them."""
        self._register.setData(code)
        until_s = time.perf_counter() + _CODE_HOLD_S
        while time.perf_counter() < until_s:
            pass
        self._register.setData(0)

    def close(self) -> None:
        """Leave the lines at zero."""
        self._register.setData(0)


class SerialCodes:
    """One byte a code over a serial line, or one frame that the receiver can check.

    Parameters
    ----------
    device
        Name of the port, such as ``/dev/ttyUSB0`` or ``COM3``.
    framing
        "raw" is a byte, "checked" a frame of `code_frames`.
    baud
        Bits per second; a byte takes ten.
    """

    transport: CodeTransport = "serial"

    def __init__(self, device: str, *, framing: CodeFraming = "raw", baud: int = 115_200) -> None:
        import serial  # noqa: PLC0415 - of the rig extra; sessions without a wire do without

        self._place, self._has_failed = f"serial port {device}", False
        self._frames = CodeFrames() if framing == "checked" else None

        def open_port() -> serial.Serial:
            try:
                return serial.Serial(device, baud, timeout=0, write_timeout=0)
            except serial.SerialException as error:
                raise SessionError(
                    f"serial port {device}: expected to open it, found {error}. "
                    "`rig devices` lists what is there; name it in rig.yaml."
                ) from error

        self._open_port = open_port
        self._port = open_port()

    def send(self, code: int) -> None:
        """Hand one code to the system, which never waits.

        Raises
        ------
        SessionError
            The port is gone, or takes nothing any more: a code that waits would reach the recorder late.
        """
        was_well, self._has_failed = not self._has_failed, True
        data = bytes([code]) if self._frames is None else self._frames.frame(code)
        try:
            # At 115,200 baud a byte has left after 87 us, and codes are at least a frame apart.
            is_stuck = self._port.out_waiting > 0 or self._write(data) < len(data)
        except OSError as error:  # pyserial's own errors are such
            raise SessionError(f"{self._place}: expected to send a code, found {error}. {_REPLUG}") from error
        if is_stuck:
            raise SessionError(
                f"{self._place}: expected codes to leave at once, found one that still waits: nobody reads them. "
                f"{_REPLUG}"
            )
        self._has_failed = not was_well

    def check(self) -> None:
        """Do nothing: nobody answers on this wire."""

    def mend(self) -> None:
        """Open the port again if a code failed: it may have been replugged.

        Raises
        ------
        SessionError
            It is still not there.
        """
        if self._has_failed:
            self.close()
            self._port = self._open_port()
            self._has_failed = False

    def _write(self, data: bytes) -> int:
        """Return how many bytes the system took, now; a frame that was torn fails the receiver's check.

        pyserial's own `write` goes round and round until a full buffer has room, whatever the time-outs are.
        """
        if sys.platform == "win32":
            return int(self._port.write(data) or 0)  # returns at once there
        try:
            return os.write(self._port.fileno(), data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Close the port, and forget what nobody reads: the system would wait for it, up to half a minute."""
        with suppress(Exception):  # a port that is gone has nothing to forget
            if self._port.out_waiting:
                self._port.reset_output_buffer()
        self._port.close()


class CommentCodes:
    """Codes as comments in the recording, for recorders without a digital input.

    They come milliseconds late; the photodiode gives the onset.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        # A recorder that the operator starts by hand hears no comment: then the journal alone has the codes.
        self.transport: CodeTransport = "comment" if recorder.hears_comments else "file"

    def send(self, code: int) -> None:
        """Send the code as text."""
        self._recorder.comment(f"code {code}")

    def close(self) -> None:
        """Do nothing: the recorder is closed by its owner."""
