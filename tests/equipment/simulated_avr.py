"""The microcontroller's real program on a simulated chip, its serial line on a pseudo-terminal, its pins in a file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

ROOT = Path(__file__).parents[2]
Board = Literal["mega2560", "uno"]
CHIPS: dict[Board, str] = {"mega2560": "atmega2560", "uno": "atmega328p"}
HEADERS = (Path("/usr/include/simavr/sim_avr.h"), Path("/usr/include/libelf.h"))


def require_simulator() -> None:
    """Skip the test where the chip cannot be simulated; where CI has promised that it can, fail."""
    missing = [name for name in ("avr-gcc", "gcc", "make") if shutil.which(name) is None]
    missing += [str(path) for path in HEADERS if not path.exists()]
    if missing:
        said = f"no {', '.join(missing)}: .ci/system-packages installs them"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)


@dataclass(frozen=True)
class Programs:
    """What was compiled: the simulator, and the firmware of each board."""

    folder: Path

    @property
    def simulator(self) -> Path:
        return self.folder / "avr_on_pty"

    def firmware(self, board: Board) -> Path:
        return self.folder / f"{board}.elf"


def build(folder: Path) -> Programs:
    """Compile simulator and firmware; the compilers' warnings are errors."""
    require_simulator()
    source = ROOT / "tests/equipment/avr_on_pty.c"
    programs = Programs(folder)
    compile_host = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", programs.simulator, source]
    subprocess.run([*compile_host, "-lsimavr", "-lelf", "-lutil"], check=True, capture_output=True)
    make = ["make", "--silent", "-C", ROOT / "rig/firmware", f"BUILD={folder}"]
    subprocess.run(make, check=True, capture_output=True)
    return programs


@dataclass(frozen=True)
class PinChange:
    """A pin, or what the eight code lines carry, from a moment of the firmware's own time on."""

    us: int
    what: str
    value: int


@dataclass
class Chip:
    """A running chip."""

    address: Path
    pins: Path
    process: subprocess.Popen[str]

    def changes(self, what: str) -> list[PinChange]:
        """Return the changes so far, oldest first."""
        lines = [line.split() for line in self.pins.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [PinChange(int(us), name, int(value)) for us, name, value in lines if name == what]

    def openings_ms(self) -> list[float]:
        """Return how long the valve was open each time, in the firmware's own time."""
        changes = self.changes("valve")
        opened, closed = changes[::2], changes[1::2]
        assert all(one.value == 1 for one in opened)
        assert all(one.value == 0 for one in closed)
        return [(end.us - start.us) / 1000 for start, end in zip(opened, closed, strict=False)]

    def read_at_strobes(self) -> list[int]:
        """Return what a recorder reads at the strobe; the lines stand still from before it until it is over."""
        read: list[int] = []
        data = strobe = since = 0
        for change in sorted((*self.changes("data"), *self.changes("strobe")), key=lambda one: one.us):
            if change.what == "data":
                assert not strobe, f"torn: the lines changed to {change.value} under the strobe"
                data, since = change.value, change.us
            else:
                strobe = change.value
                if strobe:
                    assert change.us - since >= 5, "the lines had no time to settle"
                    read.append(data)
        return read

    def stall(self) -> None:
        """Stop the chip as it stands."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def unplug(self) -> None:
        """Take it from its wire: the port is gone."""
        self.process.kill()
        self.process.wait()
        self.address.unlink(missing_ok=True)


@contextmanager
def running(
    programs: Programs, address: Path, *, board: Board = "mega2560", faults: Sequence[str] = ()
) -> Iterator[Chip]:
    """Run a chip while the block does.

    Parameters
    ----------
    programs
        Compiled.
    address
        Where its port is to appear.
    board
        Which one.
    faults
        Of the line, such as ``garble=7`` or ``late_ms=300``.
    """
    pins = address.with_suffix(f".{len(list(address.parent.glob('*.pins')))}.pins")
    command = [programs.simulator, programs.firmware(board), CHIPS[board], address, pins, *faults]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    chip = Chip(address, pins, process)
    assert process.stdout is not None
    try:
        while (line := process.stdout.readline()) != "ready\n":
            assert line, "the simulator ended"
        yield chip
    finally:
        chip.go_on()
        process.kill()
        process.wait()
        process.stdout.close()
