"""What is found in a study that is read whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from closedloop.errors import ClosedLoopError
from closedloop.execution.progress import ProgressCallback
from closedloop.storage import sha256_file, storage_errors

StudyFaultKind = Literal[
    "study", "bytes", "unlisted", "leftover", "document", "inputs", "journal", "images", "base model", "report", "gates"
]


@dataclass(frozen=True)
class StudyFault:
    """Something that is not as it was promised, in one line: where, expected, found, what to do."""

    kind: StudyFaultKind
    message: str


@dataclass
class Findings:
    """Grows while a study is read.

    Attributes
    ----------
    progress
        Called with (bytes read, all bytes).
    n_bytes
        All that will be read, as far as it is known beforehand.
    notes
        What is no fault and yet to be known, a line each.
    """

    progress: ProgressCallback
    n_bytes: int
    n_bytes_read: int = 0
    n_files: int = 0
    faults: list[StudyFault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _said: set[str] = field(default_factory=set)

    def fault(self, kind: StudyFaultKind, message: str) -> None:
        """Write down a fault, once: several looks may come upon the same file."""
        if message not in self._said:
            self._said.add(message)
            self.faults.append(StudyFault(kind, message))

    @contextmanager
    def reading(self, kind: StudyFaultKind, place: Path) -> Iterator[None]:
        """Write down what is refused in the block, and go on after it."""
        try:
            with storage_errors(place):
                yield
        except ClosedLoopError as error:
            self.fault(kind, str(error))
        except OSError as error:
            self.fault(
                kind, f"{place}: expected a file or folder that can be read, found: {error}. Look after the disk."
            )

    def sha256(self, path: Path) -> str:
        """Hash a file and count it."""
        self.n_files += 1
        return sha256_file(path, progress=self.advance)

    def advance(self, n_bytes: int) -> None:
        """Count bytes that were read."""
        self.n_bytes_read += n_bytes
        self.progress(self.n_bytes_read, max(self.n_bytes, self.n_bytes_read))
