"""A disk as POSIX allows the worst of them to be: what was not synced is gone once the power is.

A file's bytes are durable after its fsync, a name (of a file or folder) after the fsync of the folder that holds it.
The operations come from a recording of a real process; nothing here is asked by the code under test.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(eq=False)
class Node:
    """A file or folder: what it is now, and what of it survives."""

    names: dict[str, Node] = field(default_factory=dict)
    durable_names: dict[str, Node] = field(default_factory=dict)
    is_folder: bool = False
    is_synced: bool = False

    def survivors(self, at: Path) -> Iterator[tuple[Path, Node]]:
        for name, node in self.durable_names.items():
            yield at / name, node
            yield from node.survivors(at / name)


@dataclass
class Disk:
    """A tree below `root`, empty and durable at first; operations elsewhere are not looked at."""

    root: Path
    top: Node = field(default_factory=lambda: Node(is_folder=True))

    def play(self, operations: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
        """Do operations in order; yield each once it is done, so that the disk can be looked at in between."""
        for operation in operations:
            name, *paths = operation
            inside = [Path(path).relative_to(self.root) for path in paths if Path(path).is_relative_to(self.root)]
            if len(inside) == len(paths) and not any(_is_nameless(path) for path in inside):
                getattr(self, f"_{name}")(*inside)
                yield operation

    def durable_files(self) -> set[Path]:
        """Return the files that have their name and all their bytes after a loss of power."""
        return {path for path, node in self.top.survivors(self.root) if node.is_synced and not node.is_folder}

    def durable_names(self) -> set[Path]:
        """Return the names of files that are there after a loss of power, whatever is in them."""
        return {path for path, node in self.top.survivors(self.root) if not node.is_folder}

    def live_files(self) -> set[Path]:
        """Return the files that are there now."""
        return {path for path, node in _walk(self.top, self.root) if not node.is_folder}

    def _names(self, folder: Path) -> dict[str, Node]:
        """Return the names in a folder; of one that is not there, none: what was done in it has failed."""
        node = self.top
        for name in folder.parts:
            node = node.names.get(name, Node())
        return node.names

    def _mkdir(self, path: Path) -> None:
        self._names(path.parent).setdefault(path.name, Node(is_folder=True))

    def _write(self, path: Path) -> None:
        self._names(path.parent).setdefault(path.name, Node()).is_synced = False

    def _sync(self, path: Path) -> None:
        node = self._names(path.parent)[path.name] if path.name else self.top
        node.is_synced, node.durable_names = True, dict(node.names)

    def _rename(self, old: Path, new: Path) -> None:
        self._names(new.parent)[new.name] = self._names(old.parent).pop(old.name)

    def _remove(self, path: Path) -> None:
        self._names(path.parent).pop(path.name, None)


def _is_nameless(path: Path) -> bool:
    """Return whether a file was opened without a name: Linux calls it by a number, and it goes with its process."""
    return path.name.startswith("#") and path.name[1:].isdigit()


def _walk(node: Node, at: Path) -> Iterator[tuple[Path, Node]]:
    for name, below in node.names.items():
        yield at / name, below
        yield from _walk(below, at / name)


RECORDER = """
import json, os, sys
_fsync = os.fsync
def said(*operation):
    os.write(_out, (json.dumps(operation) + "\\n").encode())
def whole(path):
    return os.path.abspath(os.fsdecode(path))
def heard(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        said("write", whole(arguments[0]))
    elif event == "os.rename":
        said("rename", whole(arguments[0]), whole(arguments[1]))
    elif event == "os.mkdir":
        said("mkdir", whole(arguments[0]))
    elif event in ("os.remove", "os.rmdir") and arguments[1] in (-1, None):
        said("remove", whole(arguments[0]))
def fsync(descriptor):
    _fsync(descriptor)
    said("sync", os.readlink(f"/proc/self/fd/{descriptor if isinstance(descriptor, int) else descriptor.fileno()}"))
_out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.fsync = fsync
sys.addaudithook(heard)
"""
"""What a Python process begins with to write down its operations: argument 1 is the file they are written to."""


def recorded(file: Path) -> list[tuple[str, ...]]:
    """Read what `RECORDER` wrote."""
    return [tuple(json.loads(line)) for line in file.read_text().splitlines()]
