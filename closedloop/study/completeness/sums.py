"""Lists of checksums that came with the files: SHA256SUMS, MD5SUMS, array1.nev.sha256 and the like.

They are made on other machines, in other folders, by other programs: what counts of a name is its last part. A list
promises what it names; what it names and nobody brought matters only where it is one of the recorder's files; what
cannot be read of it is said, and vouches for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.devices.files import is_recording
from closedloop.errors import ClosedLoopError
from closedloop.plain_text.limits import MOST_JSON_BYTES, read_limited
from closedloop.storage import open_to_read
from closedloop.study.completeness.checksum_lists import parse_list
from closedloop.study.completeness.looks import SeenFile
from closedloop.study.completeness.names import is_done, is_sums

_ALGORITHMS = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_SHA256_DIGITS = 64
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class ListedSum:
    """A file's checksum (the algorithm by its length) as a list has it, and the list."""

    name: str
    digest: str
    listed_in: str


@dataclass(frozen=True)
class Sums:
    """All lists of a folder.

    Attributes
    ----------
    listed
        What they promise of files that are there.
    absent
        What they promise of files that are not there.
    fault
        Why a list promises nothing yet: nothing is in it, or half a line; empty where all are whole.
    notes
        What cannot be read of them, a line each.
    """

    listed: tuple[ListedSum, ...] = ()
    absent: tuple[ListedSum, ...] = ()
    fault: str = ""
    notes: tuple[str, ...] = ()

    def cover(self, files: Sequence[SeenFile]) -> bool:
        """Return whether every file but the lists themselves is promised, and nothing in a list is unread."""
        names = {one.name for one in self.listed}
        others = {file.name for file in files if not is_sums(file.name)}
        return bool(names) and others <= names and not (self.notes or self.fault)

    def lacking(self, *, all_matter: bool = False) -> str:
        """Return in a few words what is to come yet; empty where nothing is.

        Parameters
        ----------
        all_matter
            Whether any file that is listed has to be there; else only those of the recorder.
        """
        if self.fault:
            return self.fault
        awaited = [one for one in self.absent if all_matter or is_recording(Path(one.name))]
        return f"{awaited[0].name}, which {awaited[0].listed_in} lists, is not there" if awaited else ""

    def said(self) -> tuple[str, ...]:
        """Return what a person is told of lists that stop nothing, a line each."""
        others = [one for one in self.absent if not is_recording(Path(one.name))]
        absent = (f"{one.name}, which {one.listed_in} lists, is not there; nothing waits for it." for one in others)
        return (*self.notes, *absent)


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
    absent: list[ListedSum] = []
    faults: list[str] = []
    notes: list[str] = []
    for file in files:
        if not is_sums(file.name):
            continue
        try:
            content = read_limited(folder / file.name, most_bytes=MOST_JSON_BYTES, missing="")
        except ClosedLoopError:
            faults.append(f"{file.name} cannot be read")
            continue
        found = parse_list(content, of=file.name.rpartition("/")[2].rpartition(".")[0])
        if found.is_torn:
            faults.append(f"{file.name} is not a whole list of checksums")
        elif not (found.lines or found.n_unread):
            faults.append(f"{file.name} lists no file yet")
        elif found.n_unread:
            notes.append(
                f"{file.name}: {found.n_unread} line(s) are no checksums of a kind known here; not counted on."
            )
        for name, digest in found.lines:
            own = _present(name, files, parent=file.name.rpartition("/")[0])
            last = _last_part(name)
            if is_sums(own or last) or is_done(own or last):
                continue  # `sha256sum * > SHA256SUMS` lists the list itself, as it was while it was empty
            (listed if own else absent).append(ListedSum(own or last, digest, file.name))
    return Sums(tuple(listed), tuple(absent), faults[0] if faults else "", tuple(notes))


def differing(folder: Path, sums: Sums, sha256_of: Callable[[str], str]) -> ListedSum | None:
    """Read the promised files and return the first that is not as promised.

    A list of several folders may name two files alike: one is as promised where a line of the list has its checksum.

    Parameters
    ----------
    folder
        Where they lie.
    sums
        What is promised.
    sha256_of
        The sha256 of a file by its name.
    """
    of_file: dict[tuple[str, str], list[ListedSum]] = {}
    for one in sums.listed:
        of_file.setdefault((one.listed_in, one.name), []).append(one)
    for lines in of_file.values():
        if not any(_matches(folder, one, sha256_of) for one in lines):
            return lines[0]
    return None


def _matches(folder: Path, one: ListedSum, sha256_of: Callable[[str], str]) -> bool:
    if len(one.digest) == _SHA256_DIGITS:
        return sha256_of(one.name) == one.digest
    return _digest(folder / one.name, _ALGORITHMS[len(one.digest)]) == one.digest


def _present(listed: str, files: Sequence[SeenFile], *, parent: str) -> str:
    """Return the file that a list means: by its path, by its last part, capitals aside where that is one file."""
    path, last = listed.replace("\\", "/").removeprefix("./"), _last_part(listed)
    names = {file.name for file in files}
    for name in (path, last):
        within = f"{parent}/{name}" if parent else name
        if within in names or name in names:
            return within if within in names else name
    lasts = [name for name in names if _last_part(name) == last]
    alike = [name for name in names if _last_part(name).lower() == last.lower()]
    return next((found[0] for found in (lasts, alike) if len(found) == 1), "")


def _last_part(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open_to_read(path) as source:
        while block := source.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
