"""Frames from one flip to the next: by the driver where it counts vertical blanks, else on a raster of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_LATE = 0.75  # of a frame: the stamp of a flip may come so much after it, when the computer is busy
_N_SETTLING = 10  # flips: until then the raster may have been set by a stamp that was late
_FOLLOW = 0.02  # of its lateness the raster follows a stamp: clocks drift by parts in ten thousand


class FrameRaster:
    """Counts frames from the times of flips, for drivers that do not.

    A stamp is taken after its flip: it can be late, never early. So a flip belongs to the frame before its stamp, and
    the raster is set by the earliest stamps: a late one neither adds a frame nor takes one from the flip after it.

    Parameters
    ----------
    refresh_hz
        Frames per second, as measured.
    """

    def __init__(self, refresh_hz: float) -> None:
        self._period_s = 1.0 / refresh_hz
        self._frame_s: float | None = None
        self._n_flips = 0
        self._was_unwaited = False

    def count(self, flip_s: float) -> int:
        """Return the frames since the flip before: 0 where it did not wait for one."""
        self._n_flips += 1
        if self._frame_s is None:
            self._frame_s = flip_s
            return 1
        elapsed = (flip_s - self._frame_s) / self._period_s
        n_frames = int(elapsed + 1.0 - _LATE)
        was_unwaited = self._was_unwaited
        self._was_unwaited = n_frames <= 0 and self._n_flips > _N_SETTLING
        if self._was_unwaited:
            return 0
        n_frames = max(1, n_frames)
        expected_s = self._frame_s + n_frames * self._period_s
        late_s = 0.0 if was_unwaited else flip_s - expected_s  # flips that do not wait do not tell when a frame began
        self._frame_s = expected_s + (_FOLLOW * late_s if late_s > 0 else late_s)
        return n_frames


@dataclass(frozen=True)
class SyncValues:
    """What a driver says of a drawable (GLX_OML_sync_control).

    Attributes
    ----------
    time_us
        When the last vertical blank was, microseconds on a clock of the driver's.
    n_blanks
        Vertical blanks so far.
    n_swaps
        Completed swaps so far.
    """

    time_us: int
    n_blanks: int
    n_swaps: int


ReadSync = Callable[[], SyncValues | None]


def counts_blanks(read: Sequence[SyncValues | None]) -> bool:
    """Return whether values read after flips in a row are a count: an entry point that exists is no proof of one."""
    values = [value for value in read if value is not None]
    if len(values) < len(read) or len(values) < 2:
        return False
    return all(
        later.n_blanks > earlier.n_blanks and later.n_swaps > earlier.n_swaps and later.time_us > earlier.time_us
        for earlier, later in pairwise(values)
    )


class BlankCount:
    """Counts frames by the driver's count of vertical blanks at which swaps were completed."""

    def __init__(self, read: ReadSync) -> None:
        self._read = read
        self._n_blanks: int | None = None

    def count(self) -> int | None:
        """Return the frames since the flip before, 0 where it did not wait; None where the driver counts no more."""
        values, before = self._read(), self._n_blanks
        self._n_blanks = values.n_blanks if values is not None else None
        if values is None or before is None or values.n_blanks < before:  # a count that begins anew is none
            return None
        return values.n_blanks - before
