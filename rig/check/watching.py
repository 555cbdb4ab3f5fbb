"""Whether a recording grows: its files, looked at twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

_MOST_FILES = 20_000  # of a folder that keeps years of recordings


def sizes_of(folder: Path) -> dict[Path, int]:
    """Return the files in a recorder's folder and in the folders right in it, with their sizes in bytes."""
    found: dict[Path, int] = {}
    for path in islice(_files(folder), _MOST_FILES):
        with suppress(OSError):  # it was renamed as we looked
            found[path] = path.stat().st_size
    return found


def _files(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir():
                with suppress(OSError):
                    yield from (inner for inner in path.iterdir() if inner.is_file())
            elif path.is_file():
                yield path


def growing(before: Mapping[Path, int], after: Mapping[Path, int]) -> list[Path]:
    """Return the files that are new or larger than before."""
    return sorted(path for path, size in after.items() if size > before.get(path, 0))
