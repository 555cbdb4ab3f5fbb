"""The section `recording` as the window that spikes are counted in and the electrodes written raw."""

from __future__ import annotations

from closedloop.artifacts.protocol.session import Recording


def response_window_s(recording: Recording) -> float:
    """Return the length of the window that spikes are counted in, seconds."""
    return (recording.window_stop_ms - recording.window_start_ms) / 1000


def raw_electrodes_on(recording: Recording, day: int) -> tuple[int, ...]:
    """Return the electrodes whose voltage is written on a day, numbered over all processors from 1."""
    return tuple(range(1, recording.raw_electrodes + 1)) if day in recording.raw_days else ()
