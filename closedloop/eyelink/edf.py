"""EyeLink's EDF as arrays on the tracker's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from closedloop.confined.asking import run_confined
from closedloop.confined.protocol import Answer, ConfinedError, Limits
from closedloop.errors import RecordingError
from closedloop.eyelink.marks import TrackerMarks
from closedloop.eyelink.reading import SAMPLE, read_contents, read_samples
from closedloop.storage import open_to_read, resolved

MOST_BYTES: Final = 4 << 30

_MAGIC: Final = b"SR_RESEARCH_"
_REMEDY: Final = "Copy it again; if it is damaged for good, move it out of the folder: the session stands without it."
_RATES_HZ: Final = (10.0, 4000.0)


@dataclass(frozen=True)
class EdfContents:
    """What a file is, without its samples.

    Attributes
    ----------
    path
        The file.
    rate_hz
        Samples a second, as the tracker says.
    parts_s
        Beginning and end of each stretch that was recorded without a pause, seconds of the tracker's clock; the last
        end is infinite where the tracker was cut off.
    marks
        What the rig told it.
    """

    path: Path
    rate_hz: float
    parts_s: tuple[tuple[float, float], ...]
    marks: TrackerMarks


@dataclass(frozen=True)
class EdfSamples:
    """A file's samples, all of shape (n_samples,): seconds of the tracker's clock, and of each eye screen pixels.

    Pixels count from the upper left corner of the screen, as the tracker was calibrated; the pupil is in the tracker's
    arbitrary unit. NaN where an eye was not tracked, or lost. `x`, `y` and `pupil` have a row an eye, left and right.
    """

    time_s: NDArray[np.float64]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    pupil: NDArray[np.float32]


def is_edf(path: Path) -> bool:
    """Return whether a file says that it is EyeLink's: others have the suffix too (a format of EEG)."""
    with open_to_read(path) as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_edf(path: Path) -> EdfContents:
    """Read what a file is and what the rig told the tracker; fast, whatever its length.

    Raises
    ------
    RecordingError
        It is none of EyeLink's, it is damaged, or eyelinkio is not installed.
    StorageError
        It may not be read, or the disk fails.
    """
    value, parts = _ask(path, read_contents, bytes_per_s=20e6, growth=2.0)
    recordings = [tuple(map(float, row)) for row in value["recordings"]]
    rates = {rate for _, rate, is_on in recordings if is_on}
    if len(rates) != 1 or not _RATES_HZ[0] <= min(rates) <= _RATES_HZ[1]:
        said = ", ".join(f"{rate:g}" for rate in sorted(rates)[:4]) or "none"
        raise RecordingError(f"{path}: expected samples at one rate, found {said} Hz. {_REMEDY}")
    trial, trial_s, code, code_s = parts
    marks = TrackerMarks(
        np.frombuffer(trial, np.int64), np.frombuffer(trial_s), np.frombuffer(code, np.int64), np.frombuffer(code_s)
    )
    return EdfContents(path, min(rates), _stretches(recordings), marks)


def read_edf_samples(path: Path) -> EdfSamples:
    """Read all samples of a file: half a minute an hour at 1,000 Hz.

    Raises
    ------
    RecordingError
        It is none of EyeLink's, it is damaged, or eyelinkio is not installed.
    StorageError
        It may not be read, or the disk fails.
    """
    _, parts = _ask(path, read_samples, bytes_per_s=1e6, growth=12.0)
    records = np.concatenate([np.frombuffer(part, SAMPLE) for part in parts]) if parts else np.empty(0, SAMPLE)

    def eyes(name: str) -> NDArray[np.float32]:
        return np.stack([records[f"{name}_left"], records[f"{name}_right"]])

    return EdfSamples(np.ascontiguousarray(records["time_s"]), eyes("x"), eyes("y"), eyes("pupil"))


def _stretches(recordings: list[tuple[float, ...]]) -> tuple[tuple[float, float], ...]:
    found: list[tuple[float, float]] = []
    for time_s, _rate, is_on in recordings:
        if is_on:
            found.append((time_s, float("inf")))
        elif found:
            found[-1] = (found[-1][0], time_s)
    return tuple(found)


def _ask(
    path: Path, function: Callable[[str], Answer], *, bytes_per_s: float, growth: float
) -> tuple[Any, list[memoryview]]:
    if find_spec("eyelinkio") is None:
        raise RecordingError(
            f"{path}: expected eyelinkio, which reads EyeLink's files, found it not installed. "
            "Install closedloop with its extra `lab`."
        )
    if not is_edf(path):
        raise RecordingError(f"{path}: expected EyeLink's EDF, found another file. {_REMEDY}")
    n_bytes = path.stat().st_size
    if n_bytes > MOST_BYTES:
        raise RecordingError(
            f"{path}: expected at most {MOST_BYTES >> 30} GB of a session, found {n_bytes / 1e9:.0f} GB. {_REMEDY}"
        )
    limits = Limits.of_file(n_bytes, bytes_per_s=bytes_per_s, growth=growth)
    try:
        return run_confined(function, str(resolved(path)), limits=limits)
    except ConfinedError as error:
        raise RecordingError(f"{path}: expected EyeLink's EDF, found {error}. {_REMEDY}") from error
    except RecordingError as error:
        raise RecordingError(f"{error} {_REMEDY}") from error
