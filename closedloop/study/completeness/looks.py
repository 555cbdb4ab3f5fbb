"""What lies in a folder that a person fills, and for how long it has lain there as it is.

Modification times alone tell little: `cp -p`, rsync and many a file server give a file its old time back. So a look is
remembered, and the next one is compared with it; the memory lies beside the folder, as a stage's half-done work does.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.manifest import MANIFEST_NAME, is_litter
from closedloop.artifacts.study import BROUGHT
from closedloop.errors import ClosedLoopError
from closedloop.plain_text.json_text import read_json
from closedloop.storage import remove_file, sha256_bytes, write_bytes
from closedloop.study.completeness.clock import WAITING_CLOCK

SETTLE_S = 60.0
_TRUSTED_S = 600.0  # the clocks of a file server and of this machine are nearer than that


@dataclass(frozen=True)
class Patience:
    """How long files have to lie unchanged before they are taken over, and by which clock.

    Attributes
    ----------
    settle_s
        From the first look that saw them as they are to the one that takes them over, seconds.
    trusted_s
        Files whose change (not modification) time is that old are not waited for: no copy program sets it back.
    doubtful_s
        The same where the recording is enough for the session, but its files do not end together.
    now, sleep
        The clock, seconds since 1970; one that is not set forward, see `clock`.
    stays
        Whether whoever looks stays until the files have lain unchanged for long enough; else it comes back then.
    """

    settle_s: float = SETTLE_S
    trusted_s: float = _TRUSTED_S
    doubtful_s: float = 1800.0
    now: Callable[[], float] = WAITING_CLOCK.now
    sleep: Callable[[float], None] = time.sleep
    stays: bool = True


@dataclass(frozen=True)
class SeenFile:
    """A file as a look found it: its name in the folder, its size, and when it was last written and changed."""

    name: str
    n_bytes: int
    modified_ns: int
    changed_ns: int

    def said(self, now: float) -> str:
        """Return what a person is told of a file that grows."""
        ago = max(now - self.changed_ns / 1e9, 0.0)
        when = f"{ago:.0f} s" if ago < 100 else f"{ago / 60:.0f} min"
        return f"{self.name} still growing ({size_text(self.n_bytes)}, changed {when} ago)"


@dataclass(frozen=True)
class FolderLook:
    """All files of a folder but what a desktop leaves, and since when it has looked like that, seconds since 1970."""

    files: tuple[SeenFile, ...]
    since: float

    @property
    def signature(self) -> str:
        """Tell one state of a folder from another."""
        rows = [[file.name, file.n_bytes, file.modified_ns, file.changed_ns] for file in self.files]
        return sha256_bytes(json.dumps(rows).encode())

    def same_as(self, other: FolderLook) -> bool:
        """Return whether nothing changed between two looks."""
        return self.files == other.files

    def settles_in_s(self, patience: Patience, *, wanted_s: float | None = None) -> float:
        """Return for how much longer nothing may change before the files count as left alone; 0 where they do.

        Parameters
        ----------
        patience
            How long they have to lie unchanged.
        wanted_s
            That long instead.
        """
        wanted_s = patience.settle_s if wanted_s is None else wanted_s
        now = patience.now()
        changed = max((file.changed_ns for file in self.files), default=0) / 1e9
        if now - changed >= max(wanted_s, patience.trusted_s):
            return 0.0
        return max(wanted_s - (now - self.since), 0.0)

    def settled_at(self, patience: Patience, *, wanted_s: float) -> float:
        """Return when the files count as left alone, if nothing changes until then, seconds since 1970.

        Parameters
        ----------
        patience
            How long files are not trusted.
        wanted_s
            How long they have to lie unchanged.
        """
        changed = max((file.changed_ns for file in self.files), default=0) / 1e9
        return min(self.since + wanted_s, changed + max(wanted_s, patience.trusted_s))

    def youngest(self) -> SeenFile | None:
        """Return the file that changed last."""
        return max(self.files, key=lambda file: file.changed_ns, default=None)


def list_files(folder: Path) -> tuple[SeenFile, ...]:
    """List a folder's files, hidden ones included, but not what a desktop leaves, nor our manifest; sorted by name."""
    found = []
    for parent, _folders, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            relative = path.relative_to(folder).as_posix()
            if is_litter(relative) or relative == MANIFEST_NAME or name.startswith(f".{MANIFEST_NAME}."):
                continue
            try:
                status = path.stat()
            except FileNotFoundError:  # a copy program renamed it in this moment
                continue
            found.append(SeenFile(relative, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return tuple(sorted(found, key=lambda file: file.name))


def look_at(folder: Path, memory: Path, *, now: float, remember: bool) -> FolderLook:
    """Look at a folder and compare it with the look before.

    Parameters
    ----------
    folder
        Where somebody puts files.
    memory
        The file that remembers the first look that saw them as they are.
    now
        Seconds since 1970.
    remember
        Whether to write into it what is new; whoever only wants to know writes nothing.
    """
    look = FolderLook(list_files(folder), now)
    before = _recall(memory)
    if before is not None and before[0] == look.signature and before[1] <= now:
        return FolderLook(look.files, before[1])
    if remember and (look.files or before is not None):
        write_bytes(memory, json.dumps({"signature": look.signature, "since": now}).encode())
    return look


def remember_refusal(folder: Path, memory: Path, said: str, *, decisions: Path) -> None:
    """Remember why files were refused, for as long as they and what people decided of them are as they are.

    Parameters
    ----------
    folder, memory
        As in `look_at`.
    said
        Why.
    decisions
        The study's amendments.
    """
    look = look_at(folder, memory, now=time.time(), remember=False)
    held = {"signature": look.signature, "since": look.since, "refused": said, "decisions": _size(decisions)}
    write_bytes(memory, json.dumps(held).encode())


def recall_refusal(look: FolderLook, memory: Path, *, decisions: Path) -> str:
    """Return why these files were refused; empty where they were not, or something changed since.

    Parameters
    ----------
    look, memory
        The files, and as in `look_at`.
    decisions
        The study's amendments.
    """
    try:
        held = read_json(memory, missing="expected a file, found none.")
        as_then = held["signature"] == look.signature and held["decisions"] == _size(decisions)
        return str(held["refused"]) if as_then else ""
    except (ClosedLoopError, OSError, KeyError, TypeError):  # most looks end in no refusal
        return ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def count_as_settled(folder: Path, memory: Path) -> None:
    """Remember files that were copied and read back by ourselves as having lain there for long.

    Parameters
    ----------
    folder
        Where they are.
    memory
        As in `look_at`.
    """
    signature = FolderLook(list_files(folder), 0.0).signature
    write_bytes(memory, json.dumps({"signature": signature, "since": 0.0}).encode())


def forget_sealed(root: Path) -> None:
    """Remove the memory of looks at folders that are sealed now: it lies on where a loop was killed in between.

    Parameters
    ----------
    root
        The study's folder.
    """
    for stage in BROUGHT:
        for memory in root.glob(f"day-*/{memory_name(stage)}"):
            if (memory.with_name(stage) / MANIFEST_NAME).is_file():
                remove_file(memory)


def memory_name(stage: str) -> str:
    """Return the name of the file that remembers the looks at what is brought for a stage."""
    return f".{stage}.look.json"


def size_text(n_bytes: int) -> str:
    """Return a size as a person reads it."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.1f} {name}"
    return f"{n_bytes / 1e3:.1f} kB"


def _recall(memory: Path) -> tuple[str, float] | None:
    try:
        held = read_json(memory, missing="expected a file, found none.")
        return str(held["signature"]), float(held["since"])
    except (ClosedLoopError, ValueError, KeyError, TypeError):  # no memory, or half of one: this look is the first
        return None
