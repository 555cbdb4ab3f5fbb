"""Results of pieces of work on disk: a file that exists is finished and is not made again."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from closedloop.storage import atomic_file

_NAME_LENGTH = 24
_here = threading.local()


def shard_name(*inputs: str | int | float | bytes) -> str:
    """Return a shard's name, made of everything its content depends on, the code's version included."""
    digest = hashlib.sha256()
    for value in inputs:
        content = repr(value).encode()  # tells 1, 1.0, "1" and b"1" apart
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()[:_NAME_LENGTH]


def made_once(path: Path, make: Callable[[Path], None]) -> None:
    """Have a shard made unless it is there.

    Parameters
    ----------
    path
        Where it belongs; its name tells what it was made from (`shard_name`).
    make
        Writes it to the path it is given, a temporary name in the same folder. Killed on the way, it leaves nothing
        under `path`.

    Raises
    ------
    StorageError
        The disk is full or the folder cannot be written.
    """
    if path.exists():
        return
    with atomic_file(path) as temporary:
        make(temporary)
    for hear in getattr(_here, "hear", ()):
        hear(path)


@contextmanager
def hearing_of_shards(hear: Callable[[Path], None]) -> Iterator[None]:
    """Be told of every shard that this thread makes while the block runs, as soon as it is there.

    Parameters
    ----------
    hear
        Called with its file.
    """
    _here.hear = (hear,)
    try:
        yield
    finally:
        _here.hear = ()
