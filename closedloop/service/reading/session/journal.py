"""Following a journal: that of a rig at work, or one that is synchronised from the rig's computer.

Only whole lines are read, each once, and the chain is checked as far as they go. Where the file was replaced or has
become shorter, the last line that was read tells whether it is the same journal that went on: its check holds all lines
before it. If it is not, the journal is read anew from its first line.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from closedloop.artifacts.day.journal import parse_row
from closedloop.artifacts.records.chain import CHAIN_START, read_chain
from closedloop.errors import ClosedLoopError, DocumentError
from closedloop.plain_text.limits import MOST_LINES, MOST_LINES_BYTES
from closedloop.service.reading.session.counts import SessionCounts, SessionRows
from closedloop.service.reading.session.kept import ShownOnset
from closedloop.service.reading.session.tally import JournalTally
from closedloop.storage import open_to_read, sha256_bytes

_BLOCK_BYTES: Final = 1 << 20
_MOST_LINE_BYTES: Final = 4 << 20


@dataclass(frozen=True)
class JournalLook:
    """What a look at a journal found.

    Attributes
    ----------
    counts, rows
        Of the lines that were read.
    n_lines
        How many those are.
    fault
        Why no more of it can be read, in one line; empty where all whole lines are.
    n_torn_bytes
        Of a last line that is not whole yet.
    modified_ns
        When the file was written last, ns since 1970.
    """

    counts: SessionCounts = field(default_factory=SessionCounts)
    rows: SessionRows = field(default_factory=SessionRows)
    n_lines: int = 0
    fault: str = ""
    n_torn_bytes: int = 0
    modified_ns: int = 0


@dataclass(frozen=True)
class _Stamp:
    """What shows that a file is as it was."""

    device: int
    inode: int
    n_bytes: int
    modified_ns: int
    changed_ns: int


class JournalReader:
    """Reads a journal as it grows.

    Parameters
    ----------
    path
        The journal.

    Attributes
    ----------
    n_bytes_read
        All bytes that were ever read, for those who count them.
    """

    def __init__(self, path: Path) -> None:
        self.n_bytes_read = 0
        self._path = path
        self._seen: _Stamp | None = None
        self._start_anew()

    def look(self) -> JournalLook:
        """Read what is new, and return what the journal says as far as it goes. Never raises for what is in it."""
        try:
            return self._look()
        except FileNotFoundError:
            self._seen = None
            self._start_anew()
            return JournalLook()
        except (ClosedLoopError, OSError) as error:  # a server that is gone comes again: what was read stays
            return self._found(f"{error}" or type(error).__name__)

    def onsets(self) -> tuple[ShownOnset, ...]:
        """Return when each image came on that was read so far."""
        return self._tally.onsets()

    def _look(self) -> JournalLook:
        if _stamp(self._path.stat(), self._path) != self._seen:
            with open_to_read(self._path, buffering=0) as file:
                stamp = _stamp(os.fstat(file.fileno()), self._path)
                if not self._goes_on(file, stamp):
                    self._start_anew()
                self._follow(file)
            self._seen = stamp
        return self._found(self._fault)

    def _start_anew(self) -> None:
        self._tally = JournalTally()
        self._end, self._is_chained = CHAIN_START, True
        self._n_bytes = self._n_lines = self._n_torn = 0
        self._last_line_bytes, self._last_line_sha = 0, ""
        self._fault = ""
        self._counted: tuple[SessionCounts, SessionRows] | None = None

    def _goes_on(self, file: BinaryIO, stamp: _Stamp) -> bool:
        """Return whether what was read is still there: its last line says so, with all before it in its check."""
        if not self._n_bytes:
            return True
        is_same = self._seen is not None and (stamp.device, stamp.inode) == (self._seen.device, self._seen.inode)
        if not self._is_chained and not is_same:
            return False
        file.seek(self._n_bytes - self._last_line_bytes)
        line = self._read(file, self._last_line_bytes)
        return sha256_bytes(line) == self._last_line_sha

    def _follow(self, file: BinaryIO) -> None:
        """Read whole lines from where the last look ended."""
        self._fault = ""
        rest = b""
        file.seek(self._n_bytes)
        while not self._fault:
            block = self._read(file, _BLOCK_BYTES)
            if not block:
                break
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                if not self._take(line):
                    break
            if not self._fault and (self._n_bytes + len(rest) > MOST_LINES_BYTES or len(rest) > _MOST_LINE_BYTES):
                self._fault = str(_too_large(self._path))
        self._n_torn = 0 if self._fault else len(rest)

    def _read(self, file: BinaryIO, n_bytes: int) -> bytes:
        content = file.read(n_bytes)
        self.n_bytes_read += len(content)
        return content

    def _take(self, line: bytes) -> bool:
        """Check a line and count it; where it is none, what is behind it is not read before the file has changed."""
        place = f"{self._path}, line {self._n_lines + 1}"
        try:
            if self._n_lines >= MOST_LINES:
                raise _too_large(self._path)
            chain = read_chain([line], place=str(self._path), before=self._end)
            if self._n_lines and chain.is_chained != self._is_chained:
                raise _mixed(place)
            row = parse_row(chain.bodies[0], place=place)
            self._tally.add(row)
        except (ClosedLoopError, OverflowError) as error:
            self._fault = str(error)
            return False
        self._is_chained = chain.is_chained
        self._end = chain.end
        self._n_lines += 1
        self._n_bytes += len(line) + 1
        self._last_line_bytes, self._last_line_sha = len(line) + 1, sha256_bytes(line + b"\n")
        self._counted = None
        return True

    def _found(self, fault: str) -> JournalLook:
        if self._counted is None:
            self._counted = self._tally.counts(), self._tally.rows()
        modified_ns = self._seen.modified_ns if self._seen else 0
        return JournalLook(*self._counted, self._n_lines, fault, self._n_torn, modified_ns)


def _stamp(status: os.stat_result, path: Path) -> _Stamp:
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
        raise DocumentError(f"{path}: expected the rig's journal, found no file. Move it out of the folder.")
    return _Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _too_large(path: Path) -> DocumentError:
    return DocumentError(
        f"{path}: expected a journal of at most {MOST_LINES:,} lines and {MOST_LINES_BYTES:,} bytes, found a larger "
        "file. Is it the right one?"
    )


def _mixed(place: str) -> DocumentError:
    return DocumentError(
        f"{place}: expected a check exactly where the other lines have one, found it otherwise. Copy the file again "
        "from where it was written."
    )
