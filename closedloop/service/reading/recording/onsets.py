"""When the light came on after each digital code, once ingest has found both: the display's latency over a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.catalog import ONSETS, QUALITY, RESPONSES
from closedloop.artifacts.day.quality import ClockRun, IngestQuality
from closedloop.artifacts.study import StudyPaths
from closedloop.service.reading.session.kept import ShownOnset

_MOST_BINS: Final = 80  # of a chart: a point for every forty presentations of a short session


@dataclass(frozen=True)
class LatencyBin:
    """Presentations one after the other: the last one's ordinal, their median latency, and 90 % of them, in ms."""

    ordinal: int
    median_ms: float
    low_ms: float
    high_ms: float


@dataclass(frozen=True)
class DeviceLatency:
    """The latency over a session, on one of the recorder's processors."""

    name: str
    bins: tuple[LatencyBin, ...]


def latency_of(paths: StudyPaths, day: int, shown: Sequence[ShownOnset]) -> tuple[DeviceLatency, ...]:
    """Return how long after its code each image's light came, in bins of presentations.

    Parameters
    ----------
    paths, day
        Whose.
    shown
        When the rig says that each presentation of the day's journal came on.

    Raises
    ------
    ClosedLoopError
        What ingest wrote cannot be read.
    """
    quality: IngestQuality = QUALITY.read(QUALITY.published(paths, day))
    place: Path = ONSETS.published(paths, day)
    if not place.is_file() or not shown:
        return ()
    onsets = ONSETS.read(place)
    responses = RESPONSES.read(RESPONSES.published(paths, day))
    rig = {one.ordinal: one for one in shown}
    ordinals = responses["ordinal"].tolist()
    if any(ordinal not in rig for ordinal in ordinals):
        return ()
    own = [rig[ordinal] for ordinal in ordinals]
    launch, rig_s = np.array([one.launch for one in own]), np.array([one.onset_s for one in own])
    by_light = np.asarray(responses["onset_source"]) == "photodiode"
    found = []
    for row, device in enumerate(quality.devices):
        received_s = onsets["tick"][row] / onsets["tick_hz"][row]
        expected_s = _by_code(rig_s, launch, onsets["epoch"][row], device.clocks)
        latency_ms = 1000 * (received_s - expected_s)
        known = by_light & np.isfinite(latency_ms) & (device.photodiode_lag_median_ms is not None)
        found.append(DeviceLatency(device.name, _bins(np.array(ordinals)[known], latency_ms[known])))
    return tuple(found)


def _by_code(
    rig_s: NDArray[np.float64], launch: NDArray[np.int64], epoch: NDArray[np.int32], runs: Sequence[ClockRun]
) -> NDArray[np.float64]:
    """Return when each code was received, by the line between the two clocks, seconds; NaN where there is none."""
    expected_s = np.full(len(rig_s), np.nan)
    for run in runs:
        own = (launch == run.segment) & (epoch == run.epoch)
        expected_s[own] = run.offset_s + rig_s[own] * (1 + run.drift_ppm * 1e-6)
    return expected_s


def _bins(ordinals: NDArray[np.int64], latency_ms: NDArray[np.float64]) -> tuple[LatencyBin, ...]:
    if not len(ordinals):
        return ()
    parts = np.array_split(np.arange(len(ordinals)), min(_MOST_BINS, max(len(ordinals) // 8, 1)))
    return tuple(
        LatencyBin(int(ordinals[part[-1]]), *(round(float(x), 3) for x in np.percentile(latency_ms[part], (50, 5, 95))))
        for part in parts
    )
