"""Durations as whole frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

from closedloop.artifacts.day.session import TrialSettings

_ROUNDING = 1e-6  # 100 ms at 60 Hz are 6 frames, not 7, whatever the last bit says


def frames_of(duration_ms: float, refresh_hz: float) -> int:
    """Return the least number of whole frames that lasts at least as long."""
    return math.ceil(duration_ms * refresh_hz / 1000.0 - _ROUNDING)


@dataclass(frozen=True)
class TrialFrames:
    """The durations of a trial, in frames."""

    acquire: int
    hold: int
    on: int
    off: int
    interval: int
    time_out: int

    @property
    def per_presentation(self) -> int:
        """Frames from one image to the next."""
        return self.on + self.off


def trial_frames(trial: TrialSettings, refresh_hz: float) -> TrialFrames:
    """Return the durations of a trial's settings, in frames, at a frame rate."""
    return TrialFrames(
        acquire=frames_of(trial.acquire_timeout_ms, refresh_hz),
        hold=frames_of(trial.hold_ms, refresh_hz),
        on=trial.on_frames,
        off=trial.off_frames,
        interval=frames_of(trial.intertrial_ms, refresh_hz),
        time_out=frames_of(trial.time_out_ms, refresh_hz),
    )
