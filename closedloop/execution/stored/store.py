"""Bytes by name, in whatever fsspec reaches: a folder, a bucket, a server. The only home of fsspec.

Who may read and write there, and where the server is, fsspec is told as always: by its configuration files or by
environment variables (docs/clusters.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import uuid4

from closedloop.errors import ClosedLoopError, ExecutionError
from closedloop.plain_text.installing import install_command

_AT_ONCE = 500  # names of one request; object stores take a thousand


@dataclass(frozen=True)
class ObjectStore:
    """A place for bytes by name.

    Parameters
    ----------
    url
        As fsspec takes it, ``s3://bucket/prefix`` for one.

    Raises
    ------
    ExecutionError
        From every method: fsspec or what it needs is missing, nothing answers, or it refuses.
    """

    url: str

    def put(self, name: str, content: bytes) -> None:
        """Leave bytes under a name, unless it has some: of two that do so at once, one does."""
        with self._answering(), suppress(FileExistsError):
            try:
                self._pipe(name, content, mode="create")
            except (NotImplementedError, TypeError):  # a store that knows no condition: the same bytes again do no harm
                self._pipe(name, content)

    def replace(self, name: str, content: bytes) -> None:
        """Leave bytes under a name, whatever it has."""
        with self._answering():
            self._pipe(name, content)

    def get(self, name: str) -> bytes | None:
        """Return the bytes of a name; None where it has none."""
        with self._answering(), suppress(FileNotFoundError):
            return bytes(self._system.cat_file(self._path(name)))
        return None

    def names(self, folder: str) -> set[str]:
        """Return the names in a folder, in that folder."""
        with self._answering(), suppress(FileNotFoundError):
            self._system.invalidate_cache()
            return {path.rpartition("/")[2] for path in self._system.find(self._path(folder))}
        return set()

    def remove(self, names: Iterable[str]) -> None:
        """Remove names that are there."""
        paths = [self._path(name) for name in names]
        for first in range(0, len(paths), _AT_ONCE):
            some = paths[first : first + _AT_ONCE]
            with self._answering():
                try:
                    self._system.rm(some)
                except FileNotFoundError:  # of one of them, and the others stayed
                    for path in some:
                        with suppress(FileNotFoundError):
                            self._system.rm_file(path)

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        try:
            import fsspec  # noqa: PLC0415 - only here, and only where a store is asked for
        except ImportError as error:
            raise ExecutionError(
                f"--store {self.url}: expected the package fsspec, found none. Install it: {install_command('store')}"
            ) from error
        with self._answering():
            system, root = fsspec.core.url_to_fs(self.url)
            return system, str(root)

    @property
    def _system(self) -> Any:
        return self._opened[0]

    def _path(self, name: str) -> str:
        return f"{self._opened[1].rstrip('/')}/{name}"

    def _pipe(self, name: str, content: bytes, **condition: str) -> None:
        """Write bytes; where names are in folders, in one that is made in the store's own, which is there."""
        path = self._path(name)
        try:
            self._system.pipe_file(path, content, **condition)
        except FileNotFoundError as error:
            if not self._system.exists(self._opened[1]):
                raise ExecutionError(
                    f"--store {self.url}: expected a folder or bucket that is there, found none. Make it, or correct "
                    "the address."
                ) from error
            self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._system.pipe_file(path, content, **condition)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn what a store's library raises into one line; what says that a name is there or not stays."""
        try:
            yield
        except (FileNotFoundError, FileExistsError, ClosedLoopError):
            raise
        except ImportError as error:
            raise ExecutionError(
                f"--store {self.url}: expected the package that fsspec reaches it by, found: {error}. Install it."
            ) from error
        except Exception as error:  # each store's library has a tree of its own
            said = " ".join(str(error).split()) or type(error).__name__
            raise ExecutionError(
                f"--store {self.url}: expected a store that can be read and written, found: {said:.300}. Check the "
                "address, the network and fsspec's credentials, and run the same command again: what is done is kept."
            ) from error


def refuse_unusable(url: str) -> None:
    """Refuse a store that cannot be written and read, before anything is sent there.

    Parameters
    ----------
    url
        As fsspec takes it.

    Raises
    ------
    ExecutionError
        It cannot; why, the message says.
    """
    store, name, content = ObjectStore(url), f"tried-{uuid4().hex}", b"closedloop was here\n"
    store.replace(name, content)
    if store.get(name) != content:
        raise ExecutionError(f"--store {url}: expected the bytes that were put there, found others. Use another store.")
    store.remove([name])
