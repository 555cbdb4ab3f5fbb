"""Which files of a folder belong to which processor (NSP) of the recorder, and in which order.

A name tells by "array2", "nsp2", "hub2", "instance2" or "processor2" in it: a number of one or two digits, at most 16,
and never a part of a date or a number of electrodes. Where names do not tell, whoever asks gives a pattern of names for
each processor.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from closedloop.errors import RecordingError

_PROCESSOR = re.compile(r"(?P<word>array|nsp|hub|instance|processor)(?P<apart>[-_ ]?)(?P<number>\d{1,2})(?!\d)", re.I)
_REST_OF_DATE = re.compile(r"[-_.]\d{1,2}[-_.](?:\d{4}(?!\d)|\d{2}(?![-_.]?\d{1,2}(?!\d)))")  # after its day or month
MOST_PROCESSORS = 16  # Utah array 96, NSP128 are numbers of electrodes
_GEMINI_NSP = re.compile(r"(?<![a-z])nsp(?![a-z])", re.I)
_GEMINI_NSP_NUMBER = 0  # its hubs are 1, 2 and 3
_FIRST = 1
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


def find_devices(files: Sequence[Path], *, arrays: Sequence[str] = ()) -> tuple[DeviceFiles, ...]:
    """Group files by processor and stem.

    Several stems of a processor are recordings one after the other, by the numbers and letters of their names.

    Parameters
    ----------
    files
        Of all processors; others than the recorder's are passed over.
    arrays
        A pattern of names for each processor, in the order of their numbers from 1 ("LEFT*", "RIGHT*"). Empty: the
        names tell; one without a processor's number is of the first, but for Gemini's NSP beside its hubs, which is 0.

    Raises
    ------
    RecordingError
        No file is a recording, the patterns do not say which array's one is, or two files differ only in the case of
        their names.
    """
    found = [file for file in files if is_recording(file)]
    if not found:
        raise RecordingError(
            f"{files[0].parent if files else 'recording'}: expected .nev and .ns1 to .ns6 files, found none. "
            "Put the recorder's files there."
        )
    beside_hubs = any((named := _named(file.stem)) and named["word"].lower() == "hub" for file in found)
    stems: dict[tuple[int, str], list[Path]] = defaultdict(list)
    for file in found:
        is_nsp = beside_hubs and not arrays and not _named(file.stem) and _GEMINI_NSP.search(file.stem)
        processor = _GEMINI_NSP_NUMBER if is_nsp else processor_of(file, arrays=arrays)
        same = [stem for one, stem in stems if (one, stem.lower()) == (processor, file.stem.lower())]
        stems[processor, same[0] if same else file.stem].append(file)
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


def processor_of(file: Path, *, arrays: Sequence[str] = ()) -> int:
    """Return which processor wrote a file, by its name: the first where the name does not tell.

    Parameters
    ----------
    file
        A recording, or an array map.
    arrays
        As in `find_devices`.

    Raises
    ------
    RecordingError
        The name fits none of the patterns, or several.
    """
    if not arrays:
        named = _named(file.stem)
        return int(named["number"]) if named else _FIRST
    names = (file.name.lower(), file.stem.lower())
    fitting = [
        place for place, pattern in enumerate(arrays) if any(fnmatchcase(name, pattern.lower()) for name in names)
    ]
    if len(fitting) != 1:
        found = "none" if not fitting else " and ".join(arrays[place] for place in fitting)
        raise RecordingError(
            f"{file}: expected its name to fit one of the arrays' patterns {', '.join(arrays)}, found that it fits "
            f"{found}. Rename the file, or take it out of the folder."
        )
    return _FIRST + fitting[0]


def _named(stem: str) -> re.Match[str] | None:
    """Find the word and number of a processor in a name, passing over dates and numbers of electrodes."""
    for found in _PROCESSOR.finditer(stem):
        is_date = found["apart"] and _REST_OF_DATE.match(stem, found.end())
        if not is_date and 1 <= int(found["number"]) <= MOST_PROCESSORS:
            return found
    return None


def _recording(stem: str, files: Sequence[Path]) -> RecordingFiles:
    of_suffix: dict[str, Path] = {}
    for file in files:
        other = of_suffix.setdefault(file.suffix.lower(), file)
        if other is not file:
            raise RecordingError(
                f"{file}: expected one {file.suffix.lower()} of that name, found {other} too. "
                "Take the one that is not meant out of the folder, or give it a name of its own."
            )
    nev = [file for file in files if file.suffix.lower() == ".nev"]
    nsx = sorted((file for file in files if file not in nev), key=lambda file: file.suffix, reverse=True)
    return RecordingFiles(stem, nev[0] if nev else None, tuple(nsx))


def _natural(stem: str) -> tuple[tuple[int, str], ...]:
    """Order "day9" before "day10"."""
    return tuple((int(part), "") if part.isdigit() else (0, part) for part in _DIGITS.split(stem))
