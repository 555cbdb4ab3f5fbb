"""A day's gaze in numbers: launch by launch, and where it looked as images were up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.tracker import TrackerClock, align_tracker
from closedloop.analysis.gaze import density, during, landing
from closedloop.artifacts.catalog import GAZE, JOURNAL, SESSION
from closedloop.artifacts.day.gaze.of_session import LaunchTimes, PlacedGaze, launch_times, place_gaze
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import AlignmentError, RecordingError
from closedloop.eyelink.edf import read_edf
from closedloop.eyelink.marks import TrackerMarks

Floats = NDArray[np.float64]

N_BINS: Final = 60
_BEYOND_WINDOW: Final = 1.5  # how far the map of densities goes, in radii
_AT_ONCE: Final = 1 << 20  # samples


@dataclass(frozen=True)
class LaunchGazeNumbers:
    """A launch's gaze in numbers.

    Attributes
    ----------
    launch
        Its number, from 0.
    rate_hz
        Samples a second, by the median time between two.
    n_samples, n_elsewhere
        All, and those left out (`PlacedGaze`).
    is_whole
        Whether the rig wrote the end of its samples.
    lost, lost_during_images
        Part of the samples without an eye; NaN without a sample.
    median_deg, most_deg
        Distance from the fixation point while images were up: the median, and what 95 % of the samples do not exceed.
    n_broken
        Trials that ended by a break.
    """

    launch: int
    rate_hz: float
    n_samples: int
    n_elsewhere: int
    is_whole: bool
    lost: float
    lost_during_images: float
    median_deg: float
    most_deg: float
    n_broken: int


@dataclass(frozen=True)
class TrackerFileNumbers:
    """A tracker's own file: its clock against the rig's, or why it has none.

    `said` is empty where `clock` is there.
    """

    name: str
    rate_hz: float | None
    clock: TrackerClock | None
    said: str


@dataclass(frozen=True)
class DayGaze:
    """A day's gaze.

    Attributes
    ----------
    window_deg
        Radius of the fixation window.
    launches
        Those with samples.
    half_width_deg
        Of the map.
    counts
        Samples by place while images were up, as `analysis.gaze.density` returns.
    n_up, n_within
        Samples with an eye while images were up, and those of them in the window.
    broken_deg
        Where the eye was as each trial broke, shape (n_broken, 2); NaN where it was not seen.
    files
        The tracker's own.
    """

    window_deg: float
    launches: tuple[LaunchGazeNumbers, ...]
    half_width_deg: float
    counts: NDArray[np.int64]
    n_up: int
    n_within: int
    broken_deg: Floats
    files: tuple[TrackerFileNumbers, ...]


def measure_day(paths: StudyPaths, day: int, *, names: Sequence[str]) -> DayGaze | None:
    """Return a day's gaze in numbers; None where nothing of it was kept.

    Parameters
    ----------
    paths
        The study.
    day
        Which.
    names
        Of the files that were taken over with the session.

    Raises
    ------
    DocumentError
        A file is damaged.
    """
    edf = sorted(name for name in names if name.lower().endswith(".edf"))
    if GAZE.name not in names and not edf:
        return None
    journal = JOURNAL.read(JOURNAL.published(paths, day))
    place = GAZE.published(paths, day)
    launches = place_gaze(GAZE.read(place), journal) if GAZE.name in names else ()
    window_deg = SESSION.read(SESSION.published(paths, day)).trial.fixation_window_deg
    files = tuple(_tracker_file(place.with_name(name), launch_times(journal)) for name in edf)
    return measure(launches, window_deg=window_deg, files=files)


def measure(
    launches: Sequence[PlacedGaze], *, window_deg: float, files: tuple[TrackerFileNumbers, ...] = ()
) -> DayGaze:
    """Return gaze in numbers.

    Parameters
    ----------
    launches
        Samples beside the journal.
    window_deg
        Radius of the fixation window.
    files
        Of the tracker.
    """
    half_width_deg = _BEYOND_WINDOW * window_deg
    counts = np.zeros((N_BINS, N_BINS), np.int64)
    numbers, n_within, n_up = [], 0, 0
    for one in launches:
        up, n_lost_up = _samples_during_images(one)
        distance = np.hypot(up[:, 0], up[:, 1])
        counts += density(up[:, 0], up[:, 1], half_width_deg=half_width_deg, n_bins=N_BINS)
        n_up += len(up)
        n_within += int((distance <= window_deg).sum())
        numbers.append(_launch_numbers(one, distance, n_lost_up))
    broken = [_landing(one, span, window_deg) for one in launches for span in one.times.broken_s]
    return DayGaze(
        window_deg=window_deg,
        launches=tuple(numbers),
        half_width_deg=half_width_deg,
        counts=counts,
        n_up=n_up,
        n_within=n_within,
        broken_deg=np.array(broken).reshape(-1, 2),
        files=files,
    )


def _samples_during_images(one: PlacedGaze) -> tuple[NDArray[np.float32], int]:
    """Return the places of the eye while images were up, shape (n_samples, 2), and how many samples had no eye."""
    spans = one.times.image_s[np.argsort(one.times.image_s[:, 0])]
    kept, n_lost = [np.empty((0, 2), np.float32)], 0
    for start in range(0, one.time_s.size, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        up = during(one.time_s[some], spans)
        places = np.column_stack([one.x_deg[some][up], one.y_deg[some][up]])
        seen = np.isfinite(places[:, 0])
        n_lost += int(seen.size - seen.sum())
        kept.append(places[seen])
    return np.concatenate(kept), n_lost


def _launch_numbers(one: PlacedGaze, distance_deg: NDArray[np.float32], n_lost_up: int) -> LaunchGazeNumbers:
    apart_s = float(np.median(np.diff(one.time_s))) if one.time_s.size > 1 else float("nan")
    median_deg, most_deg = np.percentile(distance_deg, (50, 95)) if distance_deg.size else (np.nan, np.nan)
    n_up = distance_deg.size + n_lost_up
    return LaunchGazeNumbers(
        launch=one.times.launch,
        rate_hz=1.0 / apart_s if apart_s > 0 else float("nan"),
        n_samples=one.time_s.size,
        n_elsewhere=one.n_elsewhere,
        is_whole=one.is_whole,
        lost=float(np.isnan(one.x_deg).mean()) if one.x_deg.size else float("nan"),
        lost_during_images=n_lost_up / n_up if n_up else float("nan"),
        median_deg=float(median_deg),
        most_deg=float(most_deg),
        n_broken=len(one.times.broken_s),
    )


def _landing(one: PlacedGaze, span: Floats, window_deg: float) -> tuple[float, float]:
    first, last = np.searchsorted(one.time_s, span)
    return landing(one.x_deg[first:last], one.y_deg[first:last], radius_deg=window_deg)


def _tracker_file(path: Path, launches: Sequence[LaunchTimes]) -> TrackerFileNumbers:
    rate_hz = None
    try:
        contents = read_edf(path)
        rate_hz = contents.rate_hz
        clock = align_tracker(contents.marks, [sent_marks(one) for one in launches], place=path.name)
    except (AlignmentError, RecordingError) as error:  # the page says so, and the other numbers stand
        return TrackerFileNumbers(path.name, rate_hz, None, str(error).removeprefix(f"{path.parent}/"))
    return TrackerFileNumbers(path.name, rate_hz, clock, "")


def sent_marks(times: LaunchTimes) -> TrackerMarks:
    """Return what the rig told a tracker in a launch, on the rig's clock."""
    return TrackerMarks(times.trial, times.trial_s, *times.codes)
