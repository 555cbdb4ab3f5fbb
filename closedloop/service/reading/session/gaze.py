"""Where the eye was lately: the last of the samples that the rig appends to gaze.bin, never all of them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from closedloop.artifacts.day.gaze.header import read_header
from closedloop.artifacts.day.gaze.layout import FARTHEST_DEG, HEADER_BYTES, RECORD
from closedloop.errors import ClosedLoopError
from closedloop.service.unchanged import FileState, file_state
from closedloop.storage import open_to_read

_TAIL_BYTES: Final = 1 << 20  # a minute at a thousand samples a second


@dataclass(frozen=True)
class RecentGaze:
    """Gaze samples while the last images were up.

    Attributes
    ----------
    n_samples, n_within, n_without_eye
        All of them, those within the fixation window, and those without an eye.
    x_deg, y_deg
        The mean place of the eye.
    said
        Why there is none of that; empty otherwise.
    """

    n_samples: int = 0
    n_within: int = 0
    n_without_eye: int = 0
    x_deg: float = 0.0
    y_deg: float = 0.0
    said: str = ""

    @property
    def within(self) -> float | None:
        """Part of the samples within the window; None without a sample."""
        return self.n_within / self.n_samples if self.n_samples else None


def recent_gaze(path: Path, spans_s: Sequence[tuple[float, float]], *, window_deg: float) -> RecentGaze | None:
    """Return the gaze while the last images were up; None where no samples are kept.

    Parameters
    ----------
    path
        gaze.bin.
    spans_s
        When images came on and went off in the launch that the file ends with, ascending, seconds.
    window_deg
        Radius of the fixation window.
    """
    return _recent_gaze(path, file_state(path), tuple(spans_s), window_deg)


@lru_cache(maxsize=8)
def _recent_gaze(
    path: Path, _state: FileState, spans_s: tuple[tuple[float, float], ...], window_deg: float
) -> RecentGaze | None:
    try:
        read_header(path)
        with open_to_read(path) as file:
            size = file.seek(0, 2)
            n_records = (size - HEADER_BYTES) // RECORD.size
            first = max(n_records - _TAIL_BYTES // RECORD.size, 0)
            file.seek(HEADER_BYTES + first * RECORD.size)
            content = file.read((n_records - first) * RECORD.size)
    except FileNotFoundError:
        return None
    except (ClosedLoopError, OSError) as error:
        return RecentGaze(said=str(error))
    return _gaze_of(content[: len(content) // RECORD.size * RECORD.size], spans_s, window_deg)


def _gaze_of(content: bytes, spans_s: Sequence[tuple[float, float]], window_deg: float) -> RecentGaze:
    """Count the samples in the spans; what is behind the last mark of a launch is the last launch's."""
    begins = [begin_s for begin_s, _ in spans_s]
    n_within = n_lost = 0
    places: list[tuple[float, float]] = []
    for time_s, x_deg, y_deg in RECORD.iter_unpack(content):
        if math.isnan(time_s):
            if y_deg == 0.0:  # another launch begins, with a clock of its own
                n_within = n_lost = 0
                places.clear()
            continue
        at = bisect_right(begins, time_s) - 1
        if at < 0 or time_s >= spans_s[at][1]:
            continue
        if not (abs(x_deg) <= FARTHEST_DEG and abs(y_deg) <= FARTHEST_DEG):
            n_lost += 1
            continue
        places.append((x_deg, y_deg))
        n_within += math.hypot(x_deg, y_deg) <= window_deg
    n = len(places)
    if not n and not n_lost:
        return RecentGaze(said="no sample yet of the images that were up")
    x_deg, y_deg = (sum(place[axis] for place in places) / n if n else math.nan for axis in (0, 1))
    return RecentGaze(n + n_lost, n_within, n_lost, x_deg, y_deg)
