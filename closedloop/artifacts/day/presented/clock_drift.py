"""How a device's clock ran against the rig's, from the readings in the journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from closedloop.artifacts.day.journal_rows import ClockCompared, JournalRow, LaunchOpened

_LEAST_UNCERTAINTY_S = 1e-9
_PPM = 1e6


@dataclass(frozen=True)
class ClockDrift:
    """A device's clock in one launch: ``device_s = rig_s + offset_s + drift_ppm * 1e-6 * (rig_s - at_s)``.

    Attributes
    ----------
    device
        Whose clock.
    launch
        Number of the rig's launch: either clock may begin anew at the next one.
    n_readings, span_s
        How many there are, over how long.
    at_s
        The rig's time of the first.
    offset_s
        How far the device's clock was ahead then, seconds.
    drift_ppm
        How much faster it ran, parts in a million; None from a single reading.
    largest_residual_s
        How far a reading is from that line at most; far above the readings' own uncertainty where a clock was set.
    """

    device: str
    launch: int
    n_readings: int
    span_s: float
    at_s: float
    offset_s: float
    drift_ppm: float | None
    largest_residual_s: float


def clock_drifts(rows: Iterable[JournalRow]) -> list[ClockDrift]:
    """Return how each device's clock ran in each launch, in the order of the launches and of the devices' names.

    A straight line by least squares, each reading by the inverse square of its uncertainty.

    Parameters
    ----------
    rows
        Of a journal, in order.
    """
    readings: dict[tuple[int, str], list[ClockCompared]] = defaultdict(list)
    launch = 0
    for row in rows:
        if isinstance(row, LaunchOpened):
            launch = row.segment
        elif isinstance(row, ClockCompared):
            readings[launch, row.device].append(row)
    return [_drift(number, device, found) for (number, device), found in sorted(readings.items())]


def _drift(launch: int, device: str, readings: Sequence[ClockCompared]) -> ClockDrift:
    rig_s = np.array([one.rig_s for one in readings])
    # Seconds since 1970 leave a double 0.2 us: the difference is taken before anything is multiplied.
    ahead_s = np.array([one.device_s - one.rig_s for one in readings])
    weight = 1.0 / np.array([max(one.uncertainty_s, _LEAST_UNCERTAINTY_S) for one in readings])
    at_s, first_s = float(rig_s[0]), float(ahead_s[0])
    since_s, gained_s = rig_s - at_s, ahead_s - first_s
    is_line = bool(np.ptp(since_s) > 0)
    columns = np.column_stack([np.ones_like(since_s), since_s] if is_line else [np.ones_like(since_s)])
    solution, *_ = np.linalg.lstsq(columns * weight[:, None], gained_s * weight, rcond=None)
    return ClockDrift(
        device=device,
        launch=launch,
        n_readings=len(readings),
        span_s=float(np.ptp(since_s)),
        at_s=at_s,
        offset_s=first_s + float(solution[0]),
        drift_ppm=float(solution[1]) * _PPM if is_line else None,
        largest_residual_s=float(np.abs(gained_s - columns @ solution).max()),
    )
