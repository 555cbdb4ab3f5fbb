"""Which files of a folder belong to which processor (NSP) of the recorder, and in which order."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import RecordingError

_PROCESSOR = re.compile(r"(?:array|nsp|hub|instance|processor)[-_ ]?(\d+)", re.IGNORECASE)
_NSX_SUFFIX = re.compile(r"\.ns[1-6]", re.IGNORECASE)
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class RecordingFiles:
    """Files of one stem: written by one processor between one start and one stop.

    Attributes
    ----------
    stem
        What their names share.
    nev
        The .nev; None where there is none.
    nsx
        The .ns1 to .ns6, the fastest first.
    """

    stem: str
    nev: Path | None
    nsx: tuple[Path, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (*((self.nev,) if self.nev else ()), *self.nsx)


@dataclass(frozen=True)
class DeviceFiles:
    """The recordings of one processor, in order of time."""

    processor: int
    recordings: tuple[RecordingFiles, ...]

    @property
    def name(self) -> str:
        """What messages call the device: its only recording's stem, or the first one's and how many follow."""
        more = len(self.recordings) - 1
        return self.recordings[0].stem + (f" and {more} more" if more else "")


def is_recording(file: Path) -> bool:
    """Return whether a file is one of the recorder's by its name."""
    return file.suffix.lower() == ".nev" or bool(_NSX_SUFFIX.fullmatch(file.suffix))


def find_devices(files: Sequence[Path]) -> tuple[DeviceFiles, ...]:
    """Group files by processor and stem.

    A name with "array2", "nsp2", "hub2", "instance2" or "processor2" in it is of the second processor; one without such
    a word is of the first. Several stems of a processor are recordings one after the other, by the numbers and letters
    of their names.

    Raises
    ------
    RecordingError
        No file is a recording.
    """
    stems: dict[tuple[int, str], list[Path]] = defaultdict(list)
    for file in files:
        if is_recording(file):
            stems[processor_of(file.stem), file.stem].append(file)
    if not stems:
        raise RecordingError(
            f"{files[0].parent if files else 'recording'}: expected .nev and .ns1 to .ns6 files, found none. "
            "Put the recorder's files there."
        )
    processors = sorted({processor for processor, _ in stems})
    return tuple(
        DeviceFiles(
            processor,
            tuple(
                _recording(stem, stems[processor, stem])
                for stem in sorted((stem for one, stem in stems if one == processor), key=_natural)
            ),
        )
        for processor in processors
    )


def processor_of(stem: str) -> int:
    """Return which processor wrote a file, by its name."""
    found = _PROCESSOR.search(stem)
    return int(found.group(1)) if found else 1


def _recording(stem: str, files: Sequence[Path]) -> RecordingFiles:
    nev = [file for file in files if file.suffix.lower() == ".nev"]
    nsx = sorted((file for file in files if file not in nev), key=lambda file: file.suffix, reverse=True)
    return RecordingFiles(stem, nev[0] if nev else None, tuple(nsx))


def _natural(stem: str) -> tuple[tuple[int, str], ...]:
    """Order "day9" before "day10"."""
    return tuple((int(part), "") if part.isdigit() else (0, part) for part in _DIGITS.split(stem))
