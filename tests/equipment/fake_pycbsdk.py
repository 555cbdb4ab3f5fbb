"""A stand-in for `pycbsdk` 10.3: its `Session` as far as the rig uses it, and behind it a device and Central.

It has a time of its own, which `pass_time` moves: packets are counted by it, and a file grows by it while Central
records; a line of it says from when to when. `tests/unit/rig/recorders/test_pycbsdk.py` compares its signatures with
those of the real library.
"""

from __future__ import annotations

import enum
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from rig.ports.clock import RealClock

PACKETS_HZ = 100
DRIFT = 1 + 25e-6  # the device's clock gains 25 ppm
AHEAD_NS = 5_000_000_000_000


class DeviceType(enum.IntEnum):
    LEGACY_NSP = 0
    NSP = 1
    HUB1 = 2
    HUB2 = 3
    HUB3 = 4
    NPLAY = 5
    CUSTOM = 6


@dataclass
class Stats:
    packets_received: int = 0
    receive_errors: int = 0


@dataclass
class Central:
    """The device, its network and the computer that writes its files.

    Attributes
    ----------
    folder
        Where it writes.
    ident
        What the device calls itself.
    is_plugged, records, has_library
        Whether packets arrive; whether an order to record is followed; whether the library loads.
    has_signal, has_room
        Whether the device records anything that could be written; whether Central's disk takes it.
    begins_after_s
        How long after the order the file appears.
    n_garbled
        Packets that could not be read.
    orders
        What was asked, in order.
    """

    folder: Path
    ident: str = "Gemini NSP"
    is_plugged: bool = True
    records: bool = True
    has_signal: bool = True
    has_room: bool = True
    ends: bool = True
    has_library: bool = True
    begins_after_s: float = 0.0
    n_garbled: int = 0
    suffix: str = "001"
    time_s: float = 100.0
    n_packets: float = 0.0
    orders: list[tuple[str, ...]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    stopped_s: list[float] = field(default_factory=list)
    open_sessions: int = 0
    probed_s: float = float("inf")
    _dialog_s: float | None = None
    _file: Path | None = None
    _since_s: float = 0.0

    def now_s(self) -> float:
        return self.time_s

    def pass_time(self, seconds: float = 0.02) -> None:
        self.time_s += seconds
        if self.is_plugged:
            self.n_packets += seconds * PACKETS_HZ
        if self.is_writing and self._file is not None:
            with self._file.open("ab") as file:
                file.write(f"{self.time_s - seconds!r} {self.time_s!r}\n".encode())

    @property
    def is_writing(self) -> bool:
        """Whether what happens now comes into a file."""
        is_begun = self._file is not None and self.time_s - self._since_s >= self.begins_after_s
        return is_begun and self.has_signal and self.has_room

    @property
    def recording(self) -> str:
        """The name of the file that it writes; empty where it writes none."""
        return self._file.name if self._file is not None else ""

    def order(self, *words: str) -> None:
        self.orders.append(words)
        if not self.is_plugged:
            return  # a packet that nobody receives: the library knows no better
        match words:
            case ("open dialog",):
                self._dialog_s = self.time_s
            case ("start", name, comment):
                has_dialog = self._dialog_s is not None and self.time_s - self._dialog_s >= 0.249
                if self.records and has_dialog and self._file is None:
                    self._file, self._since_s = self.folder / f"{name}{self.suffix}.nev", self.time_s
                    self.comments.append(comment)
            case ("stop",):
                self.stopped_s.append(self.time_s)
                if self.ends:
                    self._file = None
            case ("probe",):
                self.probed_s = min(self.probed_s, self.time_s)
            case ("comment", text):
                self.comments.append(text)

    def module(self) -> ModuleType:
        """Return what `import pycbsdk` gives."""
        central, library = self, ModuleType("pycbsdk")

        class OwnSession(Session):
            _central = central

        library.Session, library.DeviceType = OwnSession, DeviceType
        return library

    @contextmanager
    def alive(self):
        """Have its time pass by itself while the block runs."""
        over = threading.Event()

        def live() -> None:
            while not over.wait(0.005):
                self.pass_time(0.05)

        thread = threading.Thread(target=live)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()


class Session:
    """The library's session, each method with the signature of the real one."""

    _central: Central

    def __init__(self, device_type: DeviceType = DeviceType.LEGACY_NSP, callback_queue_depth: int = 16384):
        if not self._central.has_library:
            raise OSError(
                "Could not load cbsdk shared library: /lib/libc.so.6: version `GLIBC_2.38' not found\nSearched for: x"
            )
        if not self._central.is_plugged:
            raise RuntimeError("Failed to create session: Internal error: packets=0")
        self._is_open = True
        self._central.open_sessions += 1

    def close(self):
        if self._is_open:
            self._is_open = False
            self._central.open_sessions -= 1

    @property
    def proc_ident(self) -> str:
        return self._central.ident

    @property
    def stats(self) -> Stats:
        return Stats(int(self._central.n_packets), self._central.n_garbled)

    @property
    def time(self) -> int:
        return AHEAD_NS + round(self._central.time_s * DRIFT * 1e9)

    @property
    def clock_offset_ns(self) -> int | None:
        return self.time - round(self._central.time_s * 1e9) if self._has_probe else None

    @property
    def clock_uncertainty_ns(self) -> int | None:
        return 200_000 if self._has_probe else None

    @property
    def _has_probe(self) -> bool:
        """Whether one has come back: that takes the device some time."""
        return self._central.probed_s < self._central.time_s

    def send_clock_probe(self):
        self._central.order("probe")

    def device_to_monotonic(self, device_time_ns: int, stream_id: int = -1) -> float:
        return (device_time_ns - AHEAD_NS) / DRIFT / 1e9

    def send_comment(self, comment: str, rgba: int = 0, charset: int = 0):
        self._central.order("comment", comment.encode()[:127].decode(errors="replace"))

    def set_digital_output(self, chan_id: int, value: int):
        self._central.order("digital output", str(chan_id), str(value))

    def open_central_file_dialog(self):
        self._central.order("open dialog")

    def close_central_file_dialog(self):
        self._central.order("close dialog")

    def start_central_recording(self, filename: str, comment: str = ""):
        self._central.order("start", filename, comment)

    def stop_central_recording(self):
        self._central.order("stop")


def living_module(central: Central) -> ModuleType:
    """Return the library beside a device that goes on by itself, for a process of its own; its time is the rig's."""
    clock = RealClock()
    central.time_s = clock.now_s()

    def live() -> None:
        while True:
            time.sleep(0.01)
            central.pass_time(clock.now_s() - central.time_s)

    threading.Thread(target=live, daemon=True).start()
    return central.module()
