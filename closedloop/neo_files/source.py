"""What neo opens, by which of its readers, and one reader a process."""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import neo
import neo.rawio

from closedloop.errors import RecordingError
from closedloop.neo_files.file_sizes import other_sizes
from closedloop.storage import resolved, sha256_bytes

_SUFFIX = "RawIO"
_DIGITS = re.compile(r"(\d+)")
_MOST_NAMED = 6
OPEN_EPHYS, SPIKE_GLX = "OpenEphysBinary", "SpikeGLX"
NEO_VERSION = str(neo.__version__)

READERS: dict[str, Any] = {str(reader.__name__).removesuffix(_SUFFIX): reader for reader in neo.rawio.rawiolist}


@dataclass(frozen=True)
class NeoSource:
    """A file or folder as neo opens it.

    `format` is neo's name of the reader; `stamp` is the same as long as the files have their sizes and times.
    """

    path: Path
    format: str
    stamp: str


@dataclass(frozen=True)
class NeoReader:
    """neo's reader of a source, its header parsed, and the warnings it gave, with what it passes over."""

    source: NeoSource
    rawio: Any
    warnings: tuple[str, ...]

    @property
    def neo_segments(self) -> tuple[tuple[int, int], ...]:
        """Numbers of neo's blocks and segments, in order."""
        counts = self.rawio.header["nb_segment"]
        return tuple((block, segment) for block in range(self.rawio.block_count()) for segment in range(counts[block]))


def find_sources(folder: Path, files: str, format_name: str | None) -> tuple[NeoSource, ...]:
    """Find what neo is to open, in the order of the names' numbers and letters.

    Parameters
    ----------
    folder
        Of the recording.
    files
        A pattern inside of it; "." is the folder itself.
    format_name
        neo's name of the reader; None: by the files' suffixes.

    Raises
    ------
    RecordingError
        Nothing matches, or no reader is known for it.
    """
    found = [folder] if files == "." else sorted(folder.glob(files), key=lambda path: _natural(path.name))
    if not found:
        raise RecordingError(
            f"{folder}: expected recordings that match {files}, found none. Put them there, or correct the recorder's "
            "`files`."
        )
    return tuple(source_of(path, format_name) for path in found)


def source_of(path: Path, format_name: str | None = None) -> NeoSource:
    """Take a file or folder for a recording, by a named reader or by its own suffix.

    Raises
    ------
    RecordingError
        It is not there, or no reader, or more than one, is known for it.
    """
    if not path.exists():
        raise RecordingError(f"{path}: expected a recording, found no such file or folder. Correct the path.")
    name = _reader_name(format_name, path) if format_name else _guess(path)
    if READERS[name].rawmode == "one-dir" and path.is_file():
        path = path.parent
    return NeoSource(path, name, sha256_bytes(repr(list(_stamps(path))).encode()))


def _reader_name(wanted: str, path: Path) -> str:
    by_lower = {name.lower(): name for name in READERS}
    name = by_lower.get(wanted.lower().removesuffix(_SUFFIX.lower()))
    if name is None:
        raise RecordingError(
            f"{path}: expected one of neo's formats ({', '.join(sorted(READERS))}), found {wanted}. Correct the name."
        )
    return name


def _guess(path: Path) -> str:
    """Know the two common folders by what is in them, all else as neo does, by suffix."""
    if path.is_dir() and next(path.rglob("structure.oebin"), None) is not None:
        return OPEN_EPHYS
    if path.is_dir() and next(path.rglob("*.meta"), None) is not None:
        return SPIKE_GLX
    if path.suffix in (".oebin", ".meta"):
        return OPEN_EPHYS if path.suffix == ".oebin" else SPIKE_GLX
    readers = neo.rawio.get_rawio(path, exclusive_rawio=False)
    possible = [str(reader.__name__).removesuffix(_SUFFIX) for reader in readers]
    if len(possible) == 1:
        return possible[0]
    found = f"several ({', '.join(possible[:_MOST_NAMED])})" if possible else "none"
    raise RecordingError(
        f"{path}: expected one of neo's formats by the files' suffixes, found {found}. "
        "Name it by `format` in the recorder's description."
    )


def open_neo(source: NeoSource) -> NeoReader:
    """Open a source, once a process: readers hold open files, which processes must not share.

    Raises
    ------
    RecordingError
        neo cannot read it.
    """
    return _open(source, os.getpid())


def close_neo(reader: NeoReader) -> None:
    """Close the files that a reader keeps open, which not all do themselves; it is opened anew when asked for."""
    _close_all(vars(reader.rawio))
    _open.cache_clear()


def _close_all(held: object) -> None:
    if isinstance(held, io.IOBase):
        held.close()
    elif isinstance(held, dict):
        for inner in held.values():
            _close_all(inner)


@lru_cache(maxsize=8)
def _open(source: NeoSource, _process: int) -> NeoReader:
    reader_class = READERS[source.format]
    keyword = "dirname" if reader_class.rawmode == "one-dir" else "filename"
    with refusing(source), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        rawio = reader_class(**{keyword: str(source.path)})
        rawio.parse_header()
    said = (" ".join(str(one.message).split()) for one in warned if not issubclass(one.category, DeprecationWarning))
    sizes = other_sizes(source.path) if source.format == SPIKE_GLX else ()
    return NeoReader(source, rawio, tuple(dict.fromkeys((*said, *sizes))))


@contextmanager
def refusing(source: NeoSource) -> Iterator[None]:
    """Turn whatever neo raises on a file into one line.

    Raises
    ------
    RecordingError
        neo raised something.
    """
    try:
        yield
    except RecordingError:
        raise
    except Exception as error:  # neo's readers raise whatever comes up in a damaged file
        said = " ".join(str(error).split()) or "nothing"
        raise RecordingError(
            f"{source.path}: expected {source.format} files that neo {NEO_VERSION} can read, found "
            f"{type(error).__name__}: {said[:300]}. Restore the files, or correct `files` and `format` of the recorder."
        ) from error


def _stamps(path: Path) -> Iterator[tuple[str, int, int]]:
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            status = file.stat()
            yield str(resolved(file)), status.st_size, status.st_mtime_ns


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Order "day9" before "day10"."""
    return tuple((int(part), "") if part.isdigit() else (0, part) for part in _DIGITS.split(name))
