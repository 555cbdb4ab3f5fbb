"""Files of which some bytes alone are on this machine: large recordings of which a worker was sent a part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FilePart:
    """Some bytes of a file: from the first, up to and without the end."""

    path: Path
    first_byte: int
    end_byte: int


class PartMissingError(Exception):
    """Bytes of a file were asked for that were not sent; whoever sent the others is told, and sends the whole file.

    Attributes
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


_partly_here: dict[Path, tuple[FilePart, ...]] = {}


@contextmanager
def partly_here(files: Mapping[Path, tuple[FilePart, ...]]) -> Iterator[None]:
    """Say, while the block runs, which bytes of some files are here; the rest of them are zeros that nobody wrote.

    Parameters
    ----------
    files
        The parts of each that are here.
    """
    _partly_here.update(files)
    try:
        yield
    finally:
        for path in files:
            del _partly_here[path]


def refuse_missing_part(path: Path, first_byte: int, end_byte: int) -> None:
    """Refuse to read bytes that are not here; every reader of parts of large files asks.

    Parameters
    ----------
    path
        The file.
    first_byte, end_byte
        What is to be read, end exclusive.

    Raises
    ------
    PartMissingError
        The file is here in part, and these bytes are not.
    """
    if not _partly_here or path not in _partly_here:
        return
    here = first_byte
    for part in sorted(_partly_here[path], key=lambda part: part.first_byte):
        if part.first_byte <= here:
            here = max(here, part.end_byte)
    if here < end_byte:
        raise PartMissingError(path)
