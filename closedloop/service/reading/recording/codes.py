"""Digital codes of a NEV file that is being copied, or recorded: each look reads the packets that are new, and its end.

A look reads no more than `MOST_BYTES` of new packets, so that a file of gigabytes that is already there is counted over
several looks; its last code is found from its end at once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.header import NevHeader, read_nev_header
from closedloop.blackrock.nev.packets import Packets, is_code, is_comment, is_serial, packet_bytes_at, read_packets
from closedloop.errors import RecordingError
from closedloop.service.unchanged import FileState, file_state
from closedloop.storage import sha256_bytes

MOST_BYTES: Final = 64 << 20  # a look: a minute of an array's waveforms, 0.1 s of work
_TAIL_BYTES: Final = 1 << 20
_BACK_S: Final = 1.0  # a tick that goes back further is of another run of the clock
_MOST_READERS: Final = 32


@dataclass(frozen=True)
class CodesSoFar:
    """What a NEV file holds of digital codes.

    Attributes
    ----------
    n_codes
        Codes counted in the packets that were read: of the parallel port, or of the serial one where that has more.
    n_comments
        Comments among them: a rig without a port for codes sends those.
    last_s
        Time of the last code in the file on the recorder's clock, seconds; None where its end has none.
    span_s
        From the first code to the last one that was counted, summed over the runs of the clock, seconds.
    part
        Part of the file that was counted, 0 to 1.
    fault
        Why no more of it can be read yet; empty otherwise.
    """

    n_codes: int = 0
    n_comments: int = 0
    last_s: float | None = None
    span_s: float = 0.0
    part: float = 0.0
    fault: str = ""


class CodesReader:
    """Counts the codes of one file as it grows.

    Parameters
    ----------
    path
        The .nev.

    Attributes
    ----------
    n_bytes_read
        All bytes of packets that were ever read.
    """

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.n_bytes_read = 0
        self._path, self._most_bytes = path, most_bytes
        self._seen: tuple[FileState, CodesSoFar] | None = None
        self._start_anew()

    def look(self) -> CodesSoFar:
        """Read what is new, and return what the file holds. Never raises for what is in it."""
        state = file_state(self._path)
        if self._seen is not None and self._seen[0] == state and self._seen[1].part >= 1:
            return self._seen[1]
        try:
            found = self._look()
        except FileNotFoundError:
            self._start_anew()
            return CodesSoFar()
        except (RecordingError, OSError) as error:
            return self._found(None, str(error))
        self._seen = state, found
        return found

    def _start_anew(self) -> None:
        self._first: _First | None = None
        self._n_packets = 0
        self._last_packet = ""
        self._tick: int | None = None
        self._run = 0
        self._ports, self._comments = (_CodesOfPort(), _CodesOfPort()), _CodesOfPort()

    def _look(self) -> CodesSoFar:
        if self._path.stat().st_size == 0:
            self._start_anew()
            return CodesSoFar(fault="is empty")
        header = read_nev_header(self._path)
        if not self._goes_on(header):
            self._start_anew()
            self._first = _First.of(header)
        stop = min(header.n_packets, self._n_packets + max(self._most_bytes // header.packet_bytes, 1))
        for packets in read_packets(self._path, header, first=self._n_packets, stop=stop):
            self.n_bytes_read += len(packets) * header.packet_bytes
            if not self._count(packets, header):
                break
        if self._n_packets:
            self._last_packet = self._digest(header)
        return self._found(header, "")

    def _goes_on(self, header: NevHeader) -> bool:
        """Return whether what was counted is still there: the headers, and the last packet, byte for byte."""
        if self._first != _First.of(header) or header.n_packets < self._n_packets:
            return False
        return not self._n_packets or self._digest(header) == self._last_packet

    def _digest(self, header: NevHeader) -> str:
        (content,) = packet_bytes_at(self._path, header, np.array([self._n_packets - 1]))
        self.n_bytes_read += len(content)
        return sha256_bytes(content)

    def _count(self, packets: Packets, header: NevHeader) -> bool:
        """Count packets up to the first that is not written yet; return whether that was all of them."""
        blank = (packets.tick == 0) & (packets.kind == 0) & (packets.detail == 0) & (packets.value == 0)
        n = int(np.argmax(blank)) if blank.any() else len(packets)
        own = packets.take(slice(n))
        runs = self._runs_of(own.tick, int(_BACK_S * header.tick_hz))
        for port, is_own in zip((*self._ports, self._comments), (is_code(own), is_serial(own), None), strict=True):
            wanted = is_comment(own) if is_own is None else is_own & (own.value != 0)  # of zero: the lines went back
            port.add(own.tick[wanted], runs[wanted])
        self._n_packets += n
        return n == len(packets)

    def _runs_of(self, ticks: NDArray[np.int64], back: int) -> NDArray[np.int64]:
        """Return which run of the clock each packet is of; packets a little out of order are of the same one."""
        if not len(ticks):
            return np.zeros(0, np.int64)
        before = np.concatenate([[ticks[0] if self._tick is None else self._tick], ticks[:-1]])
        runs = self._run + np.cumsum(ticks < before - back)
        self._run, self._tick = int(runs[-1]), int(ticks[-1])
        return np.asarray(runs, np.int64)

    def _found(self, header: NevHeader | None, fault: str) -> CodesSoFar:
        port = max(self._ports, key=lambda one: one.n)
        if header is None:
            return CodesSoFar(port.n, self._comments.n, fault=fault)
        is_all = self._n_packets >= header.n_packets
        last = port.last if is_all else self._last_of_end(header)
        return CodesSoFar(
            n_codes=port.n,
            n_comments=self._comments.n,
            last_s=None if last is None else last / header.tick_hz,
            span_s=port.span / header.tick_hz,
            part=self._n_packets / header.n_packets if header.n_packets else 0.0,
            fault=fault,
        )

    def _last_of_end(self, header: NevHeader) -> int | None:
        """Look for the last code in the file's last packets."""
        first = max(header.n_packets - max(_TAIL_BYTES // header.packet_bytes, 1), self._n_packets)
        last = None
        for packets in read_packets(self._path, header, first=first):
            self.n_bytes_read += len(packets) * header.packet_bytes
            found = packets.tick[(is_code(packets) | is_serial(packets)) & (packets.value != 0)]
            last = int(found[-1]) if len(found) else last
        return last


@dataclass(frozen=True)
class _First:
    """What tells one recording from another by its headers."""

    header_bytes: int
    packet_bytes: int
    start: str
    comment: str

    @staticmethod
    def of(header: NevHeader) -> _First:
        return _First(header.header_bytes, header.packet_bytes, str(header.start), header.comment)


class _CodesOfPort:
    """Codes of one port, counted: how many, and what they span on each run of the clock."""

    def __init__(self) -> None:
        self.n = 0
        self.last: int | None = None
        self._run = self._first = self._before = 0

    @property
    def span(self) -> int:
        """Ticks from the first code to the last, over all runs of the clock."""
        return self._before + (self.last - self._first if self.last is not None else 0)

    def add(self, ticks: NDArray[np.int64], runs: NDArray[np.int64]) -> None:
        """Count codes in the file's order, each with its run of the clock."""
        for run in np.unique(runs).tolist():
            own = ticks[runs == run]
            if self.last is None or run != self._run:
                self._before = self.span
                self._run, self._first = run, int(own[0])
            self.last = int(own[-1])
        self.n += len(ticks)


_readers: OrderedDict[Path, CodesReader] = OrderedDict()
_lock = threading.Lock()


def look_at_codes(path: Path) -> CodesSoFar:
    """Look at a file by the one reader that this process has for it."""
    with _lock:
        reader = _readers.setdefault(path, CodesReader(path))
        _readers.move_to_end(path)
        while len(_readers) > _MOST_READERS:
            _readers.popitem(last=False)
        return reader.look()
