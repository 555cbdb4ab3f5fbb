"""The client's side: what is in the store already, what has to go there, what comes back; and what is removed.

Whatever somebody else removes from the store meanwhile, or damages, is noticed and sent or made again, so that removing
is always safe: at the end all goes that this work needed or made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from closedloop.errors import ExecutionError
from closedloop.execution.stored.contents import BLOCKS, StoredPart
from closedloop.execution.stored.environment import environment, environment_name
from closedloop.execution.stored.packing import PieceOrder, StoreClient, absolute_path, pack
from closedloop.execution.stored.piece import FilePiece
from closedloop.execution.stored.results import unseal
from closedloop.execution.stored.store import ObjectStore
from closedloop.execution.stored.there import PieceReport
from closedloop.storage import FilePart, sha256_bytes, write_bytes

_ROUNDS = 4  # a block or a result that is damaged so often is no accident
_RESULTS = "results"


class Distribute(Protocol):
    """Has orders done elsewhere."""

    def __call__(self, orders: Iterable[PieceOrder], on_report: Callable[[int, Any], None]) -> None:
        """Take each order when somebody can have it, and tell of each that is done, by its place."""


def do_over_store(
    pieces: Sequence[Callable[[], None]], url: str, distribute: Distribute, on_done: Callable[[int], None] | None
) -> None:
    """Have pieces done by workers that see none of this machine's files.

    Parameters
    ----------
    pieces
        `FilePiece`s all of them.
    url
        The store, as fsspec takes it.
    distribute
        Has orders done.
    on_done
        Called with the number of pieces done so far.

    Raises
    ------
    ClosedLoopError
        A piece raised one.
    ExecutionError
        The store does not answer, or what is put there comes back damaged again and again.
    """
    found = environment()
    client = StoreClient(url, found, f"{_RESULTS}/{environment_name(found)}")
    work = _StoreWork(client, ObjectStore(url), on_done)
    left = work.without_finished([_filed(piece) for piece in pieces])
    for _ in range(_ROUNDS):
        if not left:
            break
        undone = dict(enumerate(left))
        distribute(work.orders(left), partial(work.take, undone))
        left = list(undone.values())
    if left:
        raise ExecutionError(
            f"--store {url}: expected what was put there to stay as it is, found some of it gone or damaged "
            f"{_ROUNDS} times. Use another store, and run the same command again: what is done is kept."
        )
    work.clean()


def _filed(piece: Callable[[], None]) -> FilePiece:
    if not isinstance(piece, FilePiece):
        raise TypeError(f"expected a FilePiece, which says what files it is about, found {piece}")
    return piece


def _whole(read: Path | FilePart, path: str) -> Path | FilePart:
    return read.path if isinstance(read, FilePart) and absolute_path(read.path) == path else read


class _StoreWork:
    """The pieces of one call, and what of theirs is in the store."""

    def __init__(self, client: StoreClient, store: ObjectStore, on_done: Callable[[int], None] | None) -> None:
        self._client, self._store, self._on_done = client, store, on_done
        self._sent: set[str] | None = None
        self._used = set[str]()
        self._n_done = 0

    def without_finished(self, pieces: Sequence[FilePiece]) -> list[FilePiece]:
        """Fetch what an earlier call left in the store; return the pieces that are still to be done."""
        there = self._store.names(self._client.results)
        left = list[FilePiece]()
        for piece in pieces:
            wanted = [leaf for leaf in piece.leaves if not (leaf.exists() and leaf not in piece.reads)]
            names = [piece.name_in_store(leaf) for leaf in wanted]
            if there.issuperset(names) and all(self._fetch(*pair, None) for pair in zip(wanted, names, strict=True)):
                self._tell()
            else:
                left.append(piece)
        return left

    def orders(self, pieces: Sequence[FilePiece]) -> Iterator[PieceOrder]:
        """Yield an order for each piece, what it needs being in the store by then."""
        for piece in pieces:
            order = pack(piece, self._client)
            self._send(order.parts)
            yield order

    def take(self, undone: dict[int, FilePiece], place: int, report: PieceReport) -> None:
        """Fetch what a piece has left; it stays undone where something was missing, or comes back damaged."""
        if self._sent is not None:
            self._sent -= set(report.missing)
        for digest in report.missing:
            self._store.replace(f"{BLOCKS}/{digest}", self._read(digest))
        piece = undone[place]
        if report.whole:
            undone[place] = replace(piece, reads=tuple(_whole(one, report.whole) for one in piece.reads))
            return
        names = {piece.name_in_store(leaf): leaf for leaf in piece.leaves}
        if not report.missing and all(self._fetch(leaf, name, report.sha256[name]) for name, leaf in names.items()):
            del undone[place]
            self._tell()

    def clean(self) -> None:
        """Remove from the store what all this needed."""
        self._store.remove(f"{BLOCKS}/{digest}" for digest in self._used)

    def _fetch(self, leaf: Path, name: str, sha256: str | None) -> bool:
        """Write a result where it belongs and remove it from the store; False where it is not there whole."""
        at = f"{self._client.results}/{name}"
        content = unseal(self._store.get(at))
        if content is None or sha256 not in (None, sha256_bytes(content)):
            self._store.remove([at])
            return False
        write_bytes(leaf, content)
        self._store.remove([at])
        return True

    def _send(self, parts: Iterable[StoredPart]) -> None:
        """Put blocks into the store that are not there."""
        if self._sent is None:
            self._sent = self._store.names(BLOCKS)
        for part in parts:
            self._used.add(part.sha256)
            if part.sha256 not in self._sent:
                self._store.put(f"{BLOCKS}/{part.sha256}", self._read(part.sha256))
                self._sent.add(part.sha256)

    def _read(self, digest: str) -> bytes:
        content = self._client.contents.readers[digest]()
        if sha256_bytes(content) != digest:
            raise ExecutionError(
                f"--store {self._store.url}: expected files that stay as they are while they are sent, found one "
                "changed. Run the same command again: what is done is kept."
            )
        return content

    def _tell(self) -> None:
        self._n_done += 1
        if self._on_done is not None:
            self._on_done(self._n_done)
