"""Blackrock's library: loaded where a rig has their recorder, and what it raises as one line."""

from __future__ import annotations

from typing import Any, Final

from closedloop.artifacts.rig.ports import BlackrockDevice
from closedloop.errors import DeviceError
from closedloop.plain_text.installing import install_command
from closedloop.terminal.streams import one_line

CONTINUE: Final = "then continue, or run the same command with --resume"
MEND: Final = "Look at its power, its cable and Central"


class RecorderOrder:
    """Turns whatever the library raises in a block into one line that says what was asked of the device.

    Parameters
    ----------
    device
        Which.
    what
        Was asked, as a verb.
    """

    def __init__(self, device: str, what: str) -> None:
        self._device, self._what = device, what

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, DeviceError):
            raise DeviceError(
                f"recorder: expected {self._device} to {self._what}, found: {one_line(str(error))}. {MEND}, {CONTINUE}."
            ) from error


def open_library_session(device: BlackrockDevice) -> Any:
    """Return the library's session with a device.

    Raises
    ------
    DeviceError
        The library is not installed or does not load, or the device does not answer.
    """
    library = load_library()
    try:
        return library.Session(getattr(library.DeviceType, device))
    except OSError as error:
        raise no_library(error) from error
    except Exception as error:
        raise DeviceError(
            f"recorder: expected {device} to answer, found: {one_line(str(error))}. "
            f"{MEND}, or correct recorder.device in rig.yaml."
        ) from error


def refuse_another(device: BlackrockDevice, found: str) -> None:
    """Refuse a device that says by its own name that it is another one; what says nothing is believed.

    Parameters
    ----------
    device
        The wanted one.
    found
        What the one that answers calls itself.

    Raises
    ------
    DeviceError
        It is another one.
    """
    words = found.lower().replace(" ", "")
    is_hub, wants_hub = "hub" in words, device.startswith("HUB")
    is_other = wants_hub and device.lower() not in words if is_hub else wants_hub and "nsp" in words
    if is_other or (is_hub and device in ("NSP", "LEGACY_NSP")):
        raise DeviceError(
            f"recorder: expected {device}, found a device that calls itself {one_line(found)!r}. "
            "Correct recorder.device in rig.yaml, or its address."
        )


def load_library() -> Any:
    """Return pycbsdk.

    Raises
    ------
    DeviceError
        It is not installed.
    """
    try:
        import pycbsdk  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise DeviceError(
            "recorder: expected pycbsdk for Blackrock's recorder, found none. "
            f"Install it: {install_command('blackrock')}"
        ) from error
    return pycbsdk


def no_library(error: OSError) -> DeviceError:
    """Return in a line why the library that comes with pycbsdk does not load: its first session says so."""
    first = str(error).splitlines()[0].partition(". ")[0] if str(error) else type(error).__name__
    return DeviceError(
        f"recorder: expected Blackrock's library to load, found: {one_line(first)}. On Linux it needs glibc 2.39 "
        "(Ubuntu 24.04, Debian 13) or later: use such a system or Windows here, or set recorder.kind to by_hand."
    )
