"""A session's gaze beside its journal: each launch's samples in order, and what the journal says of its times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.gaze.records import GazeRecords, LaunchGaze
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    LaunchOpened,
    Presentation,
    TrialEnded,
    TrialStarted,
)

Floats = NDArray[np.float64]

_BEYOND_S: Final = 120.0  # samples of a rig that was killed go on after its last row, for the rest of a trial


@dataclass(frozen=True)
class LaunchTimes:
    """When things happened in a launch, seconds of the rig's clock.

    Attributes
    ----------
    launch
        Its number: the journal's `segment`.
    begin_s, end_s
        Of its first and last row.
    image_s
        Onset and offset of each image, shape (n_images, 2).
    image_codes
        Their digital codes.
    trial, trial_s, trial_codes
        Number, time and code of each fixation point that went on.
    broken_s
        When the fixation point of each trial went on that was broken, and when that trial ended, shape (n_broken, 2).
    """

    launch: int
    begin_s: float
    end_s: float
    image_s: Floats
    image_codes: NDArray[np.int64]
    trial: NDArray[np.int64]
    trial_s: Floats
    trial_codes: NDArray[np.int64]
    broken_s: Floats

    @property
    def codes(self) -> tuple[NDArray[np.int64], Floats]:
        """All digital codes that left at a flip, and when, in order."""
        code = np.concatenate([self.trial_codes, self.image_codes])
        code_s = np.concatenate([self.trial_s, self.image_s[:, 0]])
        order = np.argsort(code_s, kind="stable")
        return code[order], code_s[order]


@dataclass(frozen=True)
class PlacedGaze:
    """A launch's samples in the order of time.

    Attributes
    ----------
    times
        What the journal says of that launch.
    time_s, x_deg, y_deg
        As in `LaunchGaze`.
    n_elsewhere
        Samples left out: their time is none of this launch's, as a disk may leave them after a power cut.
    is_whole
        As in `LaunchGaze`.
    """

    times: LaunchTimes
    time_s: Floats
    x_deg: NDArray[np.float32]
    y_deg: NDArray[np.float32]
    n_elsewhere: int
    is_whole: bool


def launch_times(journal: Journal) -> tuple[LaunchTimes, ...]:
    """Return what a journal says of each launch's times."""
    launches: list[tuple[LaunchOpened, list[JournalRow]]] = []
    for row in journal.rows:
        if isinstance(row, LaunchOpened):
            launches.append((row, []))
        elif launches:
            launches[-1][1].append(row)
    return tuple(_times(opened, rows) for opened, rows in launches)


def place_gaze(records: GazeRecords, journal: Journal) -> tuple[PlacedGaze, ...]:
    """Return the samples of each launch that the journal knows and that has any."""
    times = {one.launch: one for one in launch_times(journal)}
    return tuple(_placed(own, times[own.launch]) for own in records.launches if own.launch in times and own.time_s.size)


def _placed(own: LaunchGaze, times: LaunchTimes) -> PlacedGaze:
    time_s, x_deg, y_deg = np.ascontiguousarray(own.time_s), own.x_deg, own.y_deg
    inside = (time_s >= times.begin_s - _BEYOND_S) & (time_s <= times.end_s + _BEYOND_S)
    n_elsewhere = int(time_s.size - inside.sum())
    if n_elsewhere:
        time_s, x_deg, y_deg = time_s[inside], x_deg[inside], y_deg[inside]
    if (time_s[1:] < time_s[:-1]).any():  # a tracker's clock, followed, may step back a little
        order = np.argsort(time_s, kind="stable")
        time_s, x_deg, y_deg = time_s[order], x_deg[order], y_deg[order]
    return PlacedGaze(times, time_s, x_deg, y_deg, n_elsewhere, own.is_whole)


def _times(opened: LaunchOpened, rows: Sequence[JournalRow]) -> LaunchTimes:
    images = [row for row in rows if isinstance(row, Presentation)]
    trials = [row for row in rows if isinstance(row, TrialStarted)]
    began = {row.trial: row.time_s for row in trials}
    broken = [
        (began[row.trial], row.time_s)
        for row in rows
        if isinstance(row, TrialEnded) and row.outcome == "broken" and row.trial in began
    ]
    last_s = [row.offset_s if isinstance(row, Presentation) else row.time_s for row in rows]
    return LaunchTimes(
        launch=opened.segment,
        begin_s=opened.time_s,
        end_s=max(last_s, default=opened.time_s),
        image_s=np.array([(row.onset_s, row.offset_s) for row in images]).reshape(-1, 2),
        image_codes=np.array([row.code for row in images], np.int64),
        trial=np.array([row.trial for row in trials], np.int64),
        trial_s=np.array([row.time_s for row in trials]),
        trial_codes=np.array([row.code for row in trials], np.int64),
        broken_s=np.array(broken).reshape(-1, 2),
    )
