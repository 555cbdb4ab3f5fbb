"""What can go wrong with a recorder, by name: made on request, so that anyone can have the bad file they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from closedloop.artifacts.recorder_faults import RecorderFault
from closedloop.recording.nsx_layout import NSX_LAYOUTS
from closedloop.simulation.timeline import SAMPLE_HZ, Timeline, whole

__all__ = ["RecorderFault", "spoil_files", "timeline_with"]

PTP_START_TICK: Final = 1_700_000_000 * 10**9  # nanoseconds since 1970: what a PTP clock reads
_STUB_SAMPLES = 500
_PTP_DRIFT_PPM = 50.0
_JUMP_BACK_S = 2


def _share(n_samples: int, percent: int) -> int:
    return n_samples * percent // 100


def _pause(timeline: Timeline, n_samples: int) -> Timeline:
    return timeline.paused(_share(n_samples, 40), _share(n_samples, 44))


def _reset(timeline: Timeline, n_samples: int) -> Timeline:
    return timeline.reset(_share(n_samples, 60))


def _stub(timeline: Timeline, _n_samples: int) -> Timeline:
    return timeline.reset(_STUB_SAMPLES)


def _gap(timeline: Timeline, n_samples: int) -> Timeline:
    start = _share(n_samples, 30)
    return timeline.paused(start, start + SAMPLE_HZ // 2)


def _jump_back(timeline: Timeline, n_samples: int) -> Timeline:
    tick_hz = round(timeline.spans[0].ticks_per_sample * SAMPLE_HZ)
    return timeline.jumped_back(_share(n_samples, 70), ticks=_JUMP_BACK_S * tick_hz)


_OF_THE_CLOCK: dict[RecorderFault, Callable[[Timeline, int], Timeline]] = {
    "sync_stub": _stub,
    "ptp_gap": _gap,
    "pause": _pause,
    "reset": _reset,
    "ptp_jump_back": _jump_back,
}


def timeline_with(faults: Iterable[RecorderFault], n_samples: int, *, specification: str) -> Timeline:
    """Say what a processor's clock reads during a recording with these faults."""
    wanted = set(faults)
    is_ptp = NSX_LAYOUTS[specification].one_sample_a_block
    timeline = whole(
        n_samples,
        first_tick=PTP_START_TICK if is_ptp else 0,
        tick_hz=NSX_LAYOUTS[specification].tick_hz,
        drift_ppm=_PTP_DRIFT_PPM if "ptp_drift" in wanted else 0.0,
    )
    for name, change in _OF_THE_CLOCK.items():
        timeline = change(timeline, n_samples) if name in wanted else timeline
    return timeline


def spoil_files(stem: Path, faults: Iterable[RecorderFault], *, seed: int) -> None:
    """Damage a processor's finished files, given without their extension."""
