"""The library between a process and the disk: compiled where it is used, and told by a file what is to fail."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

VARIABLE = "CLOSEDLOOP_FAULTS"
KINDS = ("write", "sync", "rename", "open", "truncate", "mkdir", "remove", "read")
Kind = Literal["write", "sync", "rename", "open", "truncate", "mkdir", "remove", "read"]
ACTIONS = ("ENOSPC", "EIO", "EROFS", "EINTR", "kill", "kill-after", "short")
_PATH_MAX = 4096
_LAYOUT = struct.Struct(f"={_PATH_MAX}s{_PATH_MAX}s{_PATH_MAX}siiiiq{len(KINDS)}qqq")
_NOTHING, _FAIL, _KILL_BEFORE, _KILL_AFTER, _SHORT = range(5)
_BY_NAME = {"kill": _KILL_BEFORE, "kill-after": _KILL_AFTER, "short": _SHORT}


def compiler() -> str | None:
    """Return the C compiler of this machine; None where there is none."""
    return shutil.which("cc") or shutil.which("gcc")


def build(folder: Path) -> Path:
    """Compile the library into a folder.

    Raises
    ------
    RuntimeError
        There is no compiler.
    """
    found = compiler()
    if found is None:
        raise RuntimeError("expected a C compiler (cc or gcc), found none. Install gcc.")
    library = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([found, "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@dataclass(frozen=True)
class Fault:
    """What is to happen to the n-th operation of a kind.

    Attributes
    ----------
    action
        One of `ACTIONS`: an error's name, a kill at it or after it, or half of a write.
    """

    kind: Kind
    n: int
    action: str


@dataclass(frozen=True)
class Control:
    """The file by which the library is told what to do, and tells what it counted."""

    path: Path

    def write(
        self, prefix: Path, *, fault: Fault | None = None, log: Path | None = None, store: Path | None = None
    ) -> None:
        """Begin anew: all counts are 0.

        Parameters
        ----------
        prefix
            The folder whose operations count.
        fault
            What is to fail; None to count alone.
        log, store
            A file for the operations, and a folder for the files' contents at each sync.
        """
        action, number = _NOTHING, 0
        if fault is not None:
            action = _BY_NAME.get(fault.action, _FAIL)
            number = 0 if fault.action in _BY_NAME else getattr(errno, fault.action)
        names = [str(path or "").encode() for path in (prefix, log, store)]
        kind = KINDS.index(fault.kind) if fault else 0
        packed = _LAYOUT.pack(*names, kind, action, number, 0, fault.n if fault else 0, *[0] * (len(KINDS) + 2))
        self.path.write_bytes(packed)

    def counts(self) -> dict[str, int]:
        """Return how many operations of each kind there were."""
        return dict(zip(KINDS, self._numbers()[: len(KINDS)], strict=True))

    def fired(self) -> int:
        """Return how often the fault happened."""
        return self._numbers()[len(KINDS)]

    def _numbers(self) -> tuple[int, ...]:
        return _LAYOUT.unpack(self.path.read_bytes())[8:]


def attach(control: Path | None) -> None:
    """Let this process, which has the library, follow a control file from now on, and its children as well."""
    ctypes.CDLL(None).faults_attach(str(control).encode() if control else None)
    if control is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = str(control)
