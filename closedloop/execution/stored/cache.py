"""Blocks that a worker has fetched, in a bounded folder of its own; each is checked whenever it is used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import ExecutionError
from closedloop.execution.stored.contents import StoredPart, in_blocks
from closedloop.execution.stored.store import ObjectStore
from closedloop.storage import leave_note, make_folder, read_bytes, remove_file, sha256_bytes

CACHE_GB = "CLOSEDLOOP_CACHE_GB"
"""Environment variable of a worker: how much it keeps of what it fetched."""

_DEFAULT_GB = 16.0
_BYTES_A_GB = 1e9


@dataclass(frozen=True)
class BlockCache:
    """Blocks by hash; the ones that were not used for longest give way.

    Attributes
    ----------
    folder
        Of this worker alone.
    store
        Where blocks come from.
    """

    folder: Path
    store: ObjectStore

    def fetch(self, part: StoredPart) -> bool:
        """Have a block here; False where the store has none, or a damaged one."""
        return self._kept(part) is not None or self._fetched(part) is not None

    def read(self, part: StoredPart) -> bytes:
        """Return a block that was fetched.

        Raises
        ------
        ExecutionError
            It gave way to others meanwhile, and the store has it no more.
        """
        content = self._kept(part)
        if content is None:
            content = self._fetched(part)
        if content is None:
            raise ExecutionError(
                f"{self.store.url}: expected a block of a piece, found it gone while the piece was begun. Run the same "
                "command again: what is done is kept."
            )
        return content

    def _kept(self, part: StoredPart) -> bytes | None:
        path = self.folder / part.sha256
        with suppress(FileNotFoundError):
            content = read_bytes(path)
            if sha256_bytes(content) == part.sha256:
                os.utime(path)
                return content
        return None

    def _fetched(self, part: StoredPart) -> bytes | None:
        content = next(map(self.store.get, in_blocks([part])))
        if content is None or sha256_bytes(content) != part.sha256:
            return None
        self._make_room(len(content))
        make_folder(self.folder)
        leave_note(self.folder / part.sha256, content)
        return content

    def _make_room(self, n_bytes: int) -> None:
        """Remove the blocks that were not used for longest, until another has room."""
        kept = sorted(self._kept_files())
        excess = sum(size for _, size, _ in kept) + n_bytes - _most_bytes()
        for _, size, path in kept:
            if excess <= 0:
                return
            remove_file(path)
            excess -= size

    def _kept_files(self) -> Iterator[tuple[int, int, Path]]:
        """Yield when each block was used last, its size and its file; another thread may remove some meanwhile."""
        for path in self.folder.glob("*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                yield status.st_mtime_ns, status.st_size, path


def _most_bytes() -> float:
    text = os.environ.get(CACHE_GB, "")
    try:
        return float(text or _DEFAULT_GB) * _BYTES_A_GB
    except ValueError as error:
        raise ExecutionError(f"{CACHE_GB}: expected a number of gigabytes, found {text}. Correct it.") from error
