"""The disk as POSIX allows the worst of them to be: what was not synced is gone once the power is.

A file's bytes are durable as they were at its last sync, a name (of a file or folder) as of the last sync of the folder
that holds it. The operations come from the log of `shim`, the bytes from its store.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_NAMELESS = " (deleted)"  # how the kernel calls a file that never had a name, or has lost it


@dataclass(eq=False)
class DiskNode:
    """A file or folder: the names in it now and those that survive, or the content that survives, if any."""

    names: dict[str, DiskNode] = field(default_factory=dict)
    durable_names: dict[str, DiskNode] = field(default_factory=dict)
    is_folder: bool = False
    content: Path | None = None


@dataclass(frozen=True)
class Operation:
    """A line of the log."""

    number: int
    name: str
    path: Path
    other: Path
    process: int


def read_log(log: Path) -> list[Operation]:
    """Read what was done, in order."""
    rows = (line.split("\t") for line in log.read_text(errors="surrogateescape").splitlines())
    found = [Operation(int(row[0]), row[1], Path(row[2]), Path(row[3]), int(row[4])) for row in rows]
    return sorted(found, key=lambda operation: operation.number)


def durable_states(
    operations: list[Operation], root: Path, *, begun_with: DiskNode, store: Path
) -> Iterator[tuple[Operation, DiskNode]]:
    """Yield the disk after each sync: nothing else changes what survives.

    Parameters
    ----------
    operations
        Of `read_log`.
    root
        The folder whose disk it is.
    begun_with
        What was there before the first operation.
    store
        Where the contents are.
    """
    top = begun_with
    for operation in operations:
        _play(top, operation, root, store)
        if operation.name == "sync":
            yield operation, top


def write_state(top: DiskNode, folder: Path) -> None:
    """Write what survives into a new folder."""
    folder.mkdir(parents=True)
    for name, node in top.durable_names.items():
        if node.is_folder:
            write_state(node, folder / name)
        elif node.content is None:
            (folder / name).touch()
        else:
            shutil.copy2(node.content, folder / name)


def tree_of(folder: Path) -> DiskNode:
    """Return a tree that is durable as it is."""
    names = {path.name: tree_of(path) if path.is_dir() else DiskNode(content=path) for path in folder.iterdir()}
    return DiskNode(names=dict(names), durable_names=dict(names), is_folder=True)


def _play(top: DiskNode, operation: Operation, root: Path, store: Path) -> None:
    if not operation.path.is_relative_to(root) or operation.path.name.endswith(_NAMELESS):
        return
    path = operation.path.relative_to(root)
    folder = _names(top, path.parent)
    if operation.name == "mkdir":
        folder.setdefault(path.name, DiskNode(is_folder=True))
    elif operation.name in {"write", "open"}:
        folder.setdefault(path.name, DiskNode())
    elif operation.name == "remove":
        folder.pop(path.name, None)
    elif operation.name == "rename" and path.name in folder:
        new = operation.other.relative_to(root)
        _names(top, new.parent)[new.name] = folder.pop(path.name)
    elif operation.name == "sync":
        node = top if not path.name else folder.get(path.name)
        if node is None:  # of a file that has lost its name
            return
        node.durable_names = dict(node.names)
        kept = store / str(operation.number)
        if not node.is_folder and kept.exists():
            node.content = kept


def _names(top: DiskNode, folder: Path) -> dict[str, DiskNode]:
    """Return the names in a folder; of one that is not there, none."""
    node = top
    for name in folder.parts:
        node = node.names.get(name, DiskNode())
    return node.names
