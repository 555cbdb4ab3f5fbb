"""A piece of work that says which files it is about, so that it can be done where none of them is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from closedloop.storage import FilePart


@dataclass(frozen=True)
class FilePiece:
    """A piece of work that leaves files.

    On this machine, and where workers see the same files, it is the call of its function. Through a store, every path
    in the arguments leads into a folder of the worker's own: a file there is sent along, all else is not there.

    Attributes
    ----------
    work
        `functools.partial` of a module's function. What it leaves depends on its arguments and on files alone.
    leaves
        Files that it makes, whole or not at all. Their names are hashes of all that decides what is in them
        (`shards.shard_name`), or else `identity` is.
    reads
        What it reads besides the files that are arguments: files, folders with all that is in them, or parts of large
        files, of which nothing else is sent. A text in the arguments that is such a path is led like one.
    identity
        Set before the names in the store where files of other content bear the same ones.

    Examples
    --------
    >>> import tempfile
    >>> from functools import partial
    >>> from pathlib import Path
    from typing import Protocol, TypeVar
    >>> from closedloop.execution.stored.piece import FilePiece
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "4b8f.txt"
    ...     FilePiece(partial(file.write_text, "found"), leaves=(file,))()
    ...     file.read_text()
    'found'
    """

    work: Callable[[], object]
    leaves: tuple[Path, ...]
    reads: tuple[Path | FilePart, ...] = ()
    identity: str = ""

    def __call__(self) -> None:
        """Do it, here."""
        self.work()

    def name_in_store(self, leaf: Path) -> str:
        """Return what a file that it leaves is called in a store."""
        return f"{self.identity}-{leaf.name}" if self.identity else leaf.name


class OneFileShard(Protocol):
    """A shard that knows its file."""

    @property
    def path(self) -> Path:
        """Named by all that decides what is in it."""


Shard = TypeVar("Shard", bound=OneFileShard)


def shard_piece(leave: Callable[[Shard], None], shard: Shard, *reads: Path) -> FilePiece:
    """Return the making of a shard as a piece of work.

    Parameters
    ----------
    leave
        Makes the shard's file, unless it is there.
    shard
        Its argument.
    *reads
        Files besides those that the shard holds: see `FilePiece`.
    """
    return FilePiece(partial(leave, shard), leaves=(shard.path,), reads=reads)
