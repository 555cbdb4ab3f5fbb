"""The samples in gaze.bin, launch by launch, checked from end to end.

They are read, not mapped: a disk that fails under a map ends the process without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.gaze.header import REMEDY, read_header
from closedloop.artifacts.day.gaze.layout import BEGINS, ENDS, FARTHEST_DEG, HEADER_BYTES, LATEST_S, RECORD, GazeHeader
from closedloop.errors import DocumentError
from closedloop.storage import open_to_read

MOST_BYTES: Final = 2 << 30
"""Eighteen hours at 2,000 samples a second."""

_RECORD: Final = np.dtype([("time_s", "<f8"), ("x_deg", "<f4"), ("y_deg", "<f4")])
_MOST_LAUNCHES: Final = 10_000
_AT_ONCE: Final = 1 << 20  # records


@dataclass(frozen=True)
class LaunchGaze:
    """The samples of a launch, as they came.

    Attributes
    ----------
    launch
        Its number, from 0: the journal's `segment`.
    time_s
        Of each sample, seconds of the rig's clock in that launch.
    x_deg, y_deg
        Degrees to the right of the fixation point and above it; NaN without an eye.
    is_whole
        Whether the rig wrote the end of its samples; not where it was killed.
    """

    launch: int
    time_s: NDArray[np.float64]
    x_deg: NDArray[np.float32]
    y_deg: NDArray[np.float32]
    is_whole: bool


@dataclass(frozen=True)
class GazeRecords:
    """What gaze.bin holds.

    Attributes
    ----------
    header
        Whose gaze it is.
    launches
        Those that have samples, or a mark, ascending.
    n_torn_bytes
        Of a record that a crash cut at the end.
    """

    header: GazeHeader
    launches: tuple[LaunchGaze, ...]
    n_torn_bytes: int

    @property
    def n_samples(self) -> int:
        """Samples of all launches."""
        return sum(launch.time_s.size for launch in self.launches)


def read_gaze(path: Path) -> GazeRecords:
    """Read a file of gaze samples: as much memory as it has bytes.

    Raises
    ------
    DocumentError
        It is none, of a newer version, too large, or a record in it is no sample.
    StorageError
        It may not be read, or the disk fails.
    """
    header = read_header(path)
    n_bytes = path.stat().st_size - HEADER_BYTES
    if n_bytes > MOST_BYTES:
        raise _unfit(path, f"at most {MOST_BYTES >> 30} GB of samples", f"{n_bytes / 1e9:.0f} GB")
    with open_to_read(path) as file:
        file.seek(HEADER_BYTES)
        content = file.read(n_bytes)
    n_records = len(content) // RECORD.size
    if not n_records:
        return GazeRecords(header, (), len(content))
    records = np.frombuffer(content, _RECORD, count=n_records)
    return GazeRecords(header, _launches(path, records), len(content) - n_records * RECORD.size)


def _launches(path: Path, records: NDArray[Any]) -> tuple[LaunchGaze, ...]:
    marks = list(_marks(path, records))
    if not marks or marks[0][0] != 0 or marks[0][2] != BEGINS:
        raise _unfit(path, "the mark of a launch first", "a sample")
    launches: list[LaunchGaze] = []
    for number, (place, launch, what) in enumerate(marks):
        next_place, _, next_what = marks[number + 1] if number + 1 < len(marks) else (len(records), 0, BEGINS)
        if what == BEGINS:
            if launches and launch <= launches[-1].launch:
                raise _unfit(path, f"a launch after {launches[-1].launch}", f"launch {launch}", at=place)
            own = records[place + 1 : next_place]
            ends = next_what == ENDS
            launches.append(LaunchGaze(launch, own["time_s"], own["x_deg"], own["y_deg"], is_whole=ends))
        elif marks[number - 1][1:] != (launch, BEGINS) or next_place != place + 1:
            raise _unfit(path, "nothing of a launch behind its end, and no other's end", "some", at=place)
    return tuple(launches)


def _marks(path: Path, records: NDArray[Any]) -> Iterator[tuple[int, int, float]]:
    """Yield the place of each mark, its launch and what it says, and refuse what is neither mark nor sample."""
    n_found = 0
    for start in range(0, len(records), _AT_ONCE):
        some = records[start : start + _AT_ONCE]
        time_s, x_deg, y_deg = some["time_s"], some["x_deg"], some["y_deg"]
        is_mark = np.isnan(time_s)
        is_eye = (np.abs(x_deg) <= FARTHEST_DEG) & (np.abs(y_deg) <= FARTHEST_DEG)
        is_place = is_eye | np.isnan(x_deg) & np.isnan(y_deg)
        bad = np.flatnonzero(~np.where(is_mark, _is_mark(x_deg, y_deg), (np.abs(time_s) <= LATEST_S) & is_place))
        if bad.size:
            raise _unfit(path, "a sample or a launch's mark", "neither", at=start + int(bad[0]))
        places = np.flatnonzero(is_mark)
        n_found += places.size
        if n_found > 2 * _MOST_LAUNCHES:
            raise _unfit(path, f"at most {_MOST_LAUNCHES} launches", "more")
        for place in places.tolist():
            yield start + place, int(x_deg[place]), float(y_deg[place])


def _is_mark(launch: NDArray[np.float32], what: NDArray[np.float32]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):  # of what is none
        is_number = (launch >= 0) & (launch < _MOST_LAUNCHES) & (np.floor(launch) == launch)
    return np.asarray(is_number & ((what == BEGINS) | (what == ENDS)))


def _unfit(path: Path, expected: str, found: str, *, at: int | None = None) -> DocumentError:
    place = f"{path}" if at is None else f"{path}, record {at + 1}"
    return DocumentError(f"{place}: expected {expected}, found {found}. {REMEDY}")
