"""Bytes of files and arrays as blocks that are named by their hash: what is there already is not sent again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from closedloop.storage import FilePart, open_to_read, sha256_bytes

BLOCK_BYTES = 1 << 24
"""At most, of an object in a store; files are cut at multiples of it, so that neighbours share blocks."""

BLOCKS = "blocks"
"""Folder of contents in a store."""

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True)
class StoredPart:
    """Where some bytes of a file or an array belong, and their hash, which is their name in a store."""

    offset: int
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class StoredFile:
    """A file as it is at the client's: its path there, and those of its bytes that a piece reads.

    Attributes
    ----------
    path
        At the client's.
    n_bytes
        Of the whole file.
    time_ns
        When it was changed last.
    parts
        The whole of it, or some.
    """

    path: str
    n_bytes: int
    time_ns: int
    parts: tuple[StoredPart, ...]


@dataclass
class Contents:
    """All that pieces need, by hash, and where it is read again when it has to be sent."""

    readers: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    _files: dict[tuple[str, int, int], dict[int, StoredPart]] = field(default_factory=dict)

    def of_bytes(self, content: Buffer) -> tuple[StoredPart, ...]:
        """Return bytes in memory as blocks.

        Parameters
        ----------
        content
            They stay in memory as long as this does.
        """
        view, parts = memoryview(content).cast("B"), []
        for offset in range(0, len(view), BLOCK_BYTES):
            block = view[offset : offset + BLOCK_BYTES]
            digest = hashlib.sha256(block).hexdigest()
            self.readers.setdefault(digest, block.tobytes)
            parts.append(StoredPart(offset, len(block), digest))
        return tuple(parts)

    def of_file(self, path: Path, wanted: Iterable[FilePart] | None = None) -> StoredFile:
        """Return a file as blocks; its blocks are read once for all pieces, as long as it stays as it is.

        Parameters
        ----------
        path
            The file.
        wanted
            Which of its bytes; all, if None.
        """
        status = path.stat()
        known = self._files.setdefault((str(path), status.st_size, status.st_mtime_ns), {})
        numbers = _numbers(status.st_size, wanted)
        if any(number not in known for number in numbers):
            with open_to_read(path, buffering=0) as stream:
                for number in numbers:
                    if number not in known:
                        stream.seek(number * BLOCK_BYTES)
                        known[number] = self._of_block(path, number * BLOCK_BYTES, _read(stream))
        return StoredFile(
            str(path), status.st_size, status.st_mtime_ns, tuple(known[number] for number in sorted(numbers))
        )

    def _of_block(self, path: Path, offset: int, content: bytes) -> StoredPart:
        digest = sha256_bytes(content)
        self.readers.setdefault(digest, partial(_read_block, path, offset))
        return StoredPart(offset, len(content), digest)


def _numbers(n_bytes: int, wanted: Iterable[FilePart] | None) -> list[int]:
    if wanted is None:
        return list(range(-(-n_bytes // BLOCK_BYTES)))
    found = set[int]()
    for part in wanted:
        found |= set(range(part.first_byte // BLOCK_BYTES, -(-min(part.end_byte, n_bytes) // BLOCK_BYTES)))
    return sorted(found)


def _read(stream: BinaryIO) -> bytes:
    """Read a block, or what is left of the file; a plain read may give less."""
    parts, left = list[bytes](), BLOCK_BYTES
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _read_block(path: Path, offset: int) -> bytes:
    with open_to_read(path, buffering=0) as stream:
        stream.seek(offset)
        return _read(stream)


def in_blocks(parts: Iterable[StoredPart]) -> Iterator[str]:
    """Yield the names of blocks in a store."""
    yield from (f"{BLOCKS}/{part.sha256}" for part in parts)
