"""Lists of checksums that came with the files: SHA256SUMS, MD5SUMS, array1.nev.sha256 and the like."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.study.completeness.looks import SeenFile
from closedloop.study.completeness.names import is_sums

_LINE = re.compile(r"\\?([0-9a-fA-F]{32}|[0-9a-fA-F]{64})(?:\s+\*?(.+))?")  # GNU; alone in array1.nev.sha256
_BSD = re.compile(r"(?:MD5|SHA256) ?\((.+)\) ?= ?([0-9a-fA-F]{32}|[0-9a-fA-F]{64})")
_SHA256_DIGITS = 64
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class ListedSum:
    """A file's checksum (sha256 or md5, by its length) as a list has it, and the list."""

    name: str
    digest: str
    listed_in: str


@dataclass(frozen=True)
class Sums:
    """All lists of a folder.

    Attributes
    ----------
    listed
        What they promise.
    fault
        Why they promise nothing yet: a list that is not whole, a file that is not there; empty where all is well.
    """

    listed: tuple[ListedSum, ...]
    fault: str

    def cover(self, files: Sequence[SeenFile]) -> bool:
        """Return whether every file but the lists themselves is promised."""
        names = {one.name for one in self.listed}
        others = {file.name for file in files if not is_sums(file.name)}
        return bool(names) and others <= names


def read_sums(folder: Path, files: Sequence[SeenFile]) -> Sums:
    """Read the lists among a folder's files.

    Parameters
    ----------
    folder
        Where they lie.
    files
        What lies there.
    """
    listed: list[ListedSum] = []
    for file in files:
        if not is_sums(file.name):
            continue
        try:
            found = _parse(file.name, (folder / file.name).read_bytes().decode())
        except (OSError, ValueError):
            return Sums((), f"{file.name} is not a whole list of checksums")
        if not found:
            return Sums((), f"{file.name} lists no file yet")
        listed += found
    present = {file.name for file in files}
    missing = [one for one in listed if one.name not in present]
    fault = f"{missing[0].name}, which {missing[0].listed_in} lists, is not there" if missing else ""
    return Sums(tuple(listed), fault)


def differing(folder: Path, sums: Sums, sha256_of: Callable[[str], str]) -> ListedSum | None:
    """Read the promised files and return the first that is not as promised.

    Parameters
    ----------
    folder
        Where they lie.
    sums
        What is promised.
    sha256_of
        The sha256 of a file by its name.
    """
    for one in sums.listed:
        is_sha256 = len(one.digest) == _SHA256_DIGITS
        found = sha256_of(one.name) if is_sha256 else _md5(folder / one.name)
        if found != one.digest:
            return one
    return None


def _parse(list_name: str, text: str) -> list[ListedSum]:
    """Read a list; ValueError where a line is none of its kind, as the last one of a half-copied list is."""
    parent, _, own = list_name.rpartition("/")
    found = []
    for line in (line.strip() for line in text.removeprefix("\ufeff").splitlines()):
        if not line or line.startswith(("#", ";")):
            continue
        gnu, bsd = _LINE.fullmatch(line), _BSD.fullmatch(line)
        if bsd:
            name, digest = bsd[1], bsd[2]
        elif gnu:
            name, digest = gnu[2] or own.rpartition(".")[0], gnu[1]
        else:
            raise ValueError(line)
        inside = name.strip().replace("\\", "/").removeprefix("./")
        found.append(ListedSum(f"{parent}/{inside}" if parent else inside, digest.lower(), list_name))
    return found


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as source:
        while block := source.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
