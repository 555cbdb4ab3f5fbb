"""The worker's side: a folder of its own that looks like the client's, the piece, its results into the store."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from closedloop.errors import ClosedLoopError
from closedloop.execution.shards import hearing_of_shards
from closedloop.execution.stored.cache import BlockCache
from closedloop.execution.stored.contents import StoredFile, StoredPart
from closedloop.execution.stored.environment import refuse_other_environment
from closedloop.execution.stored.packing import PieceOrder, unpack
from closedloop.execution.stored.results import seal, unseal
from closedloop.execution.stored.store import ObjectStore
from closedloop.storage import (
    FilePart,
    PartMissingError,
    change_in_place,
    open_new,
    partly_here,
    read_bytes,
    remove_folder,
    sha256_bytes,
    storage_errors,
)


@dataclass(frozen=True)
class PieceReport:
    """What a worker says of a piece.

    Attributes
    ----------
    sha256
        Of each result, by its name in the store.
    missing
        Blocks that are not in the store, or damaged there; where there are some, the piece was not begun.
    whole
        File of the client's of which the piece wanted more than it had said; where there is one, it was not done.
    """

    sha256: Mapping[str, str]
    missing: tuple[str, ...] = ()
    whole: str = ""


def do_order(order: PieceOrder, folder: Path, *, place: str) -> PieceReport:
    """Do a piece for a client whose files are not here; what is in the store already is not done again.

    Parameters
    ----------
    order
        What to do.
    folder
        The worker's own, for blocks that are kept and for files of the piece while it is done.
    place
        What messages call this worker.

    Returns
    -------
    PieceReport
        The results are in the store, unless something is missing.

    Raises
    ------
    ClosedLoopError
        The piece raised one; its paths are the client's.
    ExecutionError
        The code or a library is another here, or the store does not answer.
    """
    refuse_other_environment(order.environment, place=place)
    store = ObjectStore(order.store)
    with _workplace(folder) as root:
        own = _Workplace(order, store, BlockCache(folder / "blocks", store), root)
        own.fetch_results()
        if len(own.results) == len(order.leaves):
            return PieceReport(own.results)
        if missing := own.lay_out():
            return PieceReport({}, missing)
        try:
            with _paths_of_client(root), partly_here(own.files_in_part()), hearing_of_shards(own.leave_result):
                own.work()
        except PartMissingError as error:
            return PieceReport({}, whole=f"/{error.path.relative_to(root)}")
        for path, _ in order.leaves:
            own.leave_result(own.lead(path))
        return PieceReport(own.results)


@dataclass(frozen=True)
class _Workplace:
    """Where a piece is done."""

    order: PieceOrder
    store: ObjectStore
    cache: BlockCache
    root: Path
    results: dict[str, str] = field(default_factory=dict)

    def lead(self, path: str) -> Path:
        """Return where a path of the client's leads here."""
        return self.root / path.lstrip("/")

    def fetch_results(self) -> None:
        """Lay out what is finished, and note its hashes by name."""
        for path, name in self.order.leaves:
            content = unseal(self.store.get(f"{self.order.results}/{name}"))
            if content is not None:
                with open_new(self._placed(path)) as stream:
                    stream.write(content)
                self.results[name] = sha256_bytes(content)

    def lay_out(self) -> tuple[str, ...]:
        """Have all blocks here and lay out the files; return the hashes of blocks that cannot be had."""
        missing = dict.fromkeys(part.sha256 for part in self.order.parts if not self.cache.fetch(part))
        if not missing:
            for file in self.order.files:
                self._lay(file)
            for path, _ in self.order.leaves:
                self._placed(path)
        return tuple(missing)

    def files_in_part(self) -> dict[Path, tuple[FilePart, ...]]:
        """Return the files of which not all was sent, and what was."""
        return {
            path: tuple(FilePart(path, part.offset, part.offset + part.n_bytes) for part in file.parts)
            for file in self.order.files
            if sum(part.n_bytes for part in file.parts) < file.n_bytes
            for path in [self.lead(file.path)]
        }

    def work(self) -> None:
        """Do it."""
        call = self.order.call if isinstance(self.order.call, bytes) else bytes(self._joined(self.order.call))
        unpack(call, [self._joined(parts) for parts in self.order.arrays], lead=self.lead)()

    def leave_result(self, made: Path) -> None:
        """Put what was made into the store, once; files that are no results stay where they are."""
        name = next((name for path, name in self.order.leaves if self.lead(path) == made), None)
        if name is None or name in self.results:
            return
        content, at = read_bytes(made), f"{self.order.results}/{name}"
        self.store.put(at, seal(content))
        if unseal(self.store.get(at)) is None:  # half of one was there, or damaged
            self.store.replace(at, seal(content))
        self.results[name] = sha256_bytes(content)

    def _placed(self, path: str) -> Path:
        """Return where a path leads, its folder being there; nobody needs it after a loss of power."""
        placed = self.lead(path)
        with storage_errors(placed):
            placed.parent.mkdir(parents=True, exist_ok=True)
        return placed

    def _joined(self, parts: Iterable[StoredPart]) -> bytearray:
        joined = bytearray()
        for part in parts:
            joined += self.cache.read(part)
        return joined

    def _lay(self, file: StoredFile) -> None:
        """Write a file of the client's; bytes of it that nobody reads are holes."""
        path = self._placed(file.path)
        with open_new(path) as stream:
            stream.truncate(file.n_bytes)
        with change_in_place(path) as stream:
            for part in file.parts:
                stream.seek(part.offset)
                stream.write(self.cache.read(part))
        os.utime(path, ns=(file.time_ns, file.time_ns))


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """Give a folder that bears the same name for every piece of this thread, so that a model stays loaded."""
    root = folder / f"piece-{os.getpid()}-{threading.get_ident()}"
    remove_folder(root)
    try:
        yield root
    finally:
        remove_folder(root)


@contextmanager
def _paths_of_client(root: Path) -> Iterator[None]:
    """Have messages name the client's files, not their copies here."""
    try:
        yield
    except ClosedLoopError as error:
        error.args = tuple(one.replace(str(root), "") if isinstance(one, str) else one for one in error.args)
        raise
