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


class RecordingFolder:
    """The folder where a recorder's files grow, looked at again and again; the files of one recording are found in it.

    Parameters
    ----------
    folder
        Where they grow, as this computer sees it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before = sizes_of(folder)
        self._last = dict(self._before)

    def begin(self) -> None:
        """Take what is there for older than the recording that is about to begin."""
        self._before = sizes_of(self.folder)
        self._last = dict(self._before)

    def grown(self) -> list[Path]:
        """Return the files that grew since the last call; a new one counts once it was seen to grow.

        A file that merely appears may be one that somebody copies or an empty one: it grows where it is larger the
        next time.
        """
        now = sizes_of(self.folder)
        found = [path for path in growing(self._last, now) if path in self._last]
        self._last = now
        return found

    def new_files(self) -> list[Path]:
        """Return the files that appeared since `begin`."""
        return sorted(path for path in self._last if path not in self._before)
