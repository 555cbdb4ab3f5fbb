"""Open Ephys' own count of every sample, which neo passes over: where it jumps, samples are missing.

"Binary format" of the GUI's manual: `sample_numbers.npy` (0.6 and later; before, an integer `timestamps.npy`) beside
each `continuous.dat` has the number of each sample since acquisition began.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.confined.npy import ArrayFileError, read_foreign_header
from closedloop.errors import RecordingError
from closedloop.recording.clock_limits import MOST_CLOCK_PPM

_CHUNK = 1 << 20
_NAMES = ("sample_numbers.npy", "timestamps.npy")
_MOST_RUNS = 100_000
_SECONDS = "timestamps.npy"  # of each sample, from 0.6 on
_JUDGED = 1 << 16  # samples: 2 s of 30 kHz


@dataclass(frozen=True)
class NumberedRun:
    """Samples whose numbers follow one another: the first one's place in the file and its number."""

    first_sample: int
    n_samples: int
    first_number: int


def numbered_runs(continuous: Path, n_samples: int) -> tuple[tuple[NumberedRun, ...] | None, tuple[str, ...]]:
    """Find the runs of samples that follow one another, in bounded memory.

    Parameters
    ----------
    continuous
        A `continuous.dat`.
    n_samples
        Whole samples in it.

    Returns
    -------
    runs
        In the file's order; None where the samples have no numbers.
    said
        What was wrong, a sentence each.

    Raises
    ------
    RecordingError
        The file of numbers is damaged, or no two samples follow one another.
    """
    file = next((continuous.parent / name for name in _NAMES if (continuous.parent / name).is_file()), None)
    if file is None or (numbers := read_npy(file)) is None or not np.issubdtype(numbers.dtype, np.integer):
        return None, (f"{continuous}: no numbers of the samples beside it: gaps inside of it cannot be seen",)
    wanted = min(n_samples, numbers.n)
    said: tuple[str, ...] = ()
    if numbers.n != n_samples:
        said = (
            f"{continuous}: {n_samples} samples and {numbers.n} numbers in {file.name}: "
            f"the first {wanted} are read, the others are left out",
        )
    return tuple(_runs(numbers, wanted)), said


def check_rate(continuous: Path, rate_hz: float) -> None:
    """Compare the rate that `structure.oebin` names with the seconds beside the samples, where there are some.

    Parameters
    ----------
    continuous
        A `continuous.dat`.
    rate_hz
        As neo has it of `structure.oebin`.

    Raises
    ------
    RecordingError
        They differ by more than two clocks do.
    """
    file = continuous.with_name(_SECONDS)
    column = read_npy(file)
    if column is None or not np.issubdtype(column.dtype, np.floating):
        return
    first = max((column.n - _JUDGED) // 2, 0)  # the first ones may not be synchronized yet
    steps = np.diff(column.read(first, min(first + _JUDGED, column.n)).astype(np.float64))
    steps = steps[steps > 0]
    found_hz = 1 / float(np.median(steps)) if len(steps) else rate_hz
    if not abs(found_hz / rate_hz - 1) * 1e6 <= MOST_CLOCK_PPM:
        raise RecordingError(
            f"{continuous}: expected {rate_hz:g} samples a second (sample_rate in structure.oebin), found "
            f"{found_hz:.1f} by {file.name}. Restore structure.oebin as Open Ephys wrote it."
        )


@dataclass(frozen=True)
class NpyColumn:
    """A one-dimensional .npy file that is read in parts; not mapped: mapped pages count as ours while they are held."""

    file: Path
    dtype: np.dtype[np.generic]
    n: int
    offset: int

    def read(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read values start to stop (exclusive)."""
        at = self.offset + start * self.dtype.itemsize
        return np.fromfile(self.file, self.dtype, stop - start, offset=at)


def read_npy(file: Path) -> NpyColumn | None:
    """Read the header of a .npy file; None where there is no file.

    Raises
    ------
    RecordingError
        It is no such file, or its values are not in one column.
    """
    if not file.is_file():
        return None
    try:
        dtype, shape, offset = read_foreign_header(file)
    except ArrayFileError as error:
        raise RecordingError(f"{file}: expected a .npy file, found {error}. Restore it from a copy.") from error
    if len(shape) != 1:
        raise RecordingError(f"{file}: expected one column of values, found shape {shape}. Restore it from a copy.")
    there = max(file.stat().st_size - offset, 0) // dtype.itemsize
    return NpyColumn(file, dtype, min(shape[0], there), offset)


def _runs(numbers: NpyColumn, n_samples: int) -> Iterator[NumberedRun]:
    begun, first_number, last, n_runs = 0, 0, None, 0
    for start in range(0, n_samples, _CHUNK):
        part = numbers.read(start, min(start + _CHUNK, n_samples)).astype(np.int64)
        before = part[0] - 1 if last is None else last
        breaks = np.flatnonzero(np.diff(part, prepend=before) != 1)
        if last is None:
            first_number = int(part[0])
        for place in breaks.tolist():
            yield NumberedRun(begun, start + place - begun, first_number)
            begun, first_number, n_runs = start + place, int(part[place]), n_runs + 1
            if n_runs > _MOST_RUNS:
                raise RecordingError(
                    f"{numbers.file}: expected numbers that follow one another, found over {_MOST_RUNS} jumps. "
                    "Restore the file from a copy."
                )
        last = int(part[-1])
    if n_samples > begun:
        yield NumberedRun(begun, n_samples - begun, first_number)
