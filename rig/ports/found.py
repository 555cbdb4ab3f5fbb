"""Ports of this computer that digital codes, trackers and valves can be wired to."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import SessionError
from closedloop.plain_text.installing import install_command
from closedloop.storage import read_bytes

_DEVICES, _MODULES = Path("/dev"), Path("/proc/modules")


@dataclass(frozen=True)
class FoundPort:
    """A port.

    Attributes
    ----------
    address
        As rig.yaml names it.
    says
        What the system calls it.
    trouble
        Why it cannot be used as it is; empty where it can.
    """

    address: str
    says: str
    trouble: str = ""


def serial_ports() -> list[FoundPort]:
    """Return the serial ports, by name.

    Raises
    ------
    SessionError
        The library that knows them is not installed.
    """
    try:
        from serial.tools.list_ports import comports  # noqa: PLC0415 - of the rig extra
    except ImportError as error:
        raise SessionError(
            f"serial ports: expected an installed library, found none. Install it: {install_command('rig')}"
        ) from error
    found = []
    for port in sorted(comports(), key=lambda port: str(port.device)):
        says = str(port.description or "").removeprefix("n/a") or "serial port"
        found.append(FoundPort(str(port.device), says, _not_ours(Path(port.device))))
    return found


def parallel_ports(devices: Path = _DEVICES, modules: Path = _MODULES) -> list[FoundPort]:
    """Return the parallel ports, by name.

    Parameters
    ----------
    devices
        Where the system has them.
    modules
        Where it lists the drivers that are loaded.
    """
    trouble = ""
    if _is_loaded("lp", modules):  # it holds the port: a write of ours fails in mid-session
        trouble = "the printer driver lp holds it: `sudo rmmod lp`, and put `blacklist lp` into /etc/modprobe.d"
    return [
        FoundPort(str(path), "parallel port", trouble or _not_ours(path))
        for path in sorted(devices.glob("parport[0-9]*"))
    ]


def _is_loaded(driver: str, modules: Path) -> bool:
    if not modules.is_file():
        return False  # no Linux
    return any(line.split(b" ", 1)[0] == driver.encode() for line in read_bytes(modules).splitlines())


def _not_ours(path: Path) -> str:
    if sys.platform == "win32" or not path.exists() or os.access(path, os.R_OK | os.W_OK):
        return ""
    return f"no permission: `sudo usermod -aG {path.group()} $USER`, then log in again"
