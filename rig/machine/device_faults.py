"""What a device's driver says when it fails, as one line; and how a device is let go that may have failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from closedloop.errors import ClosedLoopError, DeviceError
from closedloop.terminal.streams import one_line, say


def device_fault(device: str, error: Exception) -> DeviceError:
    """Return whatever a driver raised as one line: nobody knows them all.

    Parameters
    ----------
    device
        What it is, for a person who looks for its cable.
    error
        What was raised.
    """
    if isinstance(error, DeviceError):
        return error
    if isinstance(error, ClosedLoopError):
        return DeviceError(str(error))
    found = one_line(str(error)) or type(error).__name__
    return DeviceError(
        f"{device}: expected the device to answer, found: {found}. Check its cable, its power and its driver."
    )


@contextmanager
def device_errors(device: str) -> Iterator[None]:
    """Turn whatever a driver raises in the block into one line, see `device_fault`.

    Raises
    ------
    DeviceError
        The device failed.
    """
    try:
        yield
    except Exception as error:
        raise device_fault(device, error) from error


def close_device(device: str, close: Callable[[], None]) -> None:
    """Let a device go. One that fails at that is told of, and keeps no other from being let go.

    Parameters
    ----------
    device
        What it is, for a person.
    close
        Lets it go.
    """
    try:
        close()
    except Exception as error:  # noqa: BLE001 - the journal is written; what is left is to say so
        say(f"{device}: expected to close it, found: {one_line(str(error)) or type(error).__name__}.")
