"""A piece as bytes that another machine can do: its paths are put aside, large arrays and files are blocks of a store.

What is unpacked here is run, so it must come from whom the worker works for: an order comes through the scheduler, and
says the hash of all else, which is checked before it is looked at. Who can write to the store alone runs nothing.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from closedloop.execution.stored.contents import Contents, StoredFile, StoredPart
from closedloop.execution.stored.piece import FilePiece
from closedloop.storage import FilePart

_MOST_BYTES_WITHIN = 1 << 16  # an array or a call of more is a block of the store
_PATH, _TEXT = "path ", "text "  # of one length; the path follows
_PROTOCOL = 5  # arrays beside the rest

Arrays = tuple[tuple[StoredPart, ...], ...]


@dataclass(frozen=True)
class PieceOrder:
    """What a worker is told; small.

    Attributes
    ----------
    store
        Where contents are and results go.
    environment
        The client's.
    results
        Folder of results in the store.
    call
        The packed call, or the blocks of it.
    arrays
        Blocks of each large array in it.
    files
        What it reads.
    leaves
        What it makes: path at the client's, and name in the store.
    """

    store: str
    environment: Mapping[str, str]
    results: str
    call: bytes | tuple[StoredPart, ...]
    arrays: Arrays
    files: tuple[StoredFile, ...]
    leaves: tuple[tuple[str, str], ...]

    @property
    def parts(self) -> Iterator[StoredPart]:
        """All blocks that it takes to do the piece."""
        if not isinstance(self.call, bytes):
            yield from self.call
        for parts in (*self.arrays, *(file.parts for file in self.files)):
            yield from parts


@dataclass(frozen=True)
class StoreClient:
    """Who has a piece done: its store, its environment, the folder of its results in the store, and its contents."""

    store: str
    environment: Mapping[str, str]
    results: str
    contents: Contents = field(default_factory=Contents)


def pack(piece: FilePiece, client: StoreClient) -> PieceOrder:
    """Return a piece as an order; its contents are hashed, not sent.

    Parameters
    ----------
    piece
        What to do.
    client
        Its contents hear of what is to be sent.
    """
    stream, arrays = io.BytesIO(), list[tuple[StoredPart, ...]]()

    def keep(buffer: pickle.PickleBuffer) -> bool:
        with buffer.raw() as view:
            if view.nbytes <= _MOST_BYTES_WITHIN:
                return True
            arrays.append(client.contents.of_bytes(view))
        return False

    packer = _Packer(stream, protocol=_PROTOCOL, buffer_callback=keep)
    packer.texts = {str(one): absolute_path(one) for one in piece.reads if not isinstance(one, FilePart)}
    packer.dump(piece.work)
    call = stream.getvalue()
    return PieceOrder(
        client.store,
        client.environment,
        client.results,
        call if len(call) <= _MOST_BYTES_WITHIN else client.contents.of_bytes(call),
        tuple(arrays),
        tuple(_files(piece, packer.paths, client.contents)),
        tuple((absolute_path(leaf), piece.name_in_store(leaf)) for leaf in piece.leaves),
    )


def unpack(call: bytes, arrays: Iterable[bytearray], *, lead: Callable[[str], Path]) -> Callable[[], object]:
    """Return the call that was packed.

    Parameters
    ----------
    call, arrays
        Checked against the hashes of an order.
    lead
        Where a path of the client's leads here.
    """
    unpacker = _Unpacker(io.BytesIO(call), buffers=arrays)
    unpacker.lead = lead
    work: Callable[[], object] = unpacker.load()
    return work


class _Packer(pickle.Pickler):
    """Puts the paths aside."""

    def __init__(self, stream: io.BytesIO, **options: Any) -> None:
        super().__init__(stream, **options)
        self.paths: dict[str, None] = {}
        self.texts: Mapping[str, str] = {}

    def persistent_id(self, thing: object) -> str | None:
        """Name a path, or a text that is one; all else is packed as usual."""
        if type(thing) is str and thing in self.texts:
            return f"{_TEXT}{self.texts[thing]}"
        if not isinstance(thing, PurePath):
            return None
        path = absolute_path(thing)
        self.paths[path] = None
        return f"{_PATH}{path}"


class _Unpacker(pickle.Unpickler):
    """Leads paths elsewhere."""

    lead: Callable[[str], Path]

    def persistent_load(self, name: str) -> Path | str:
        """Return where a path leads here."""
        path = self.lead(name[len(_PATH) :])
        return str(path) if name.startswith(_TEXT) else path


def absolute_path(path: PurePath) -> str:
    """Return what a path is called in an order."""
    return os.path.normpath(Path.cwd() / path)


def _files(piece: FilePiece, paths: Iterable[str], contents: Contents) -> Iterator[StoredFile]:
    """Yield what a piece reads, each file once."""
    in_part: dict[str, list[FilePart]] = {}
    whole = dict.fromkeys(path for path in paths if Path(path).is_file())
    for one in piece.reads:
        if isinstance(one, FilePart):
            in_part.setdefault(absolute_path(one.path), []).append(one)
        elif one.is_dir():
            whole |= dict.fromkeys(absolute_path(path) for path in sorted(one.rglob("*")) if path.is_file())
        elif one.is_file():
            whole[absolute_path(one)] = None
    read = {absolute_path(one) for one in piece.reads if not isinstance(one, FilePart)}
    made = {absolute_path(leaf) for leaf in piece.leaves} - read
    for path in whole:
        if path not in in_part and path not in made:
            yield contents.of_file(Path(path))
    for path, parts in in_part.items():
        yield contents.of_file(Path(path), parts)
