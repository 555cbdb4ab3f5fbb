"""What can go wrong with a recorder, by name: made on request, so that anyone can have the bad file they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import numpy as np

from closedloop.artifacts.protocol.recorder_faults import RecorderFault
from closedloop.blackrock.nev.header import read_nev_header
from closedloop.blackrock.nev.layout import EXTENDED_HEADER
from closedloop.blackrock.nsx.layout import NSX_LAYOUTS
from closedloop.simulation.damage.nev import flip_tick_bit, insert_packets, shuffle
from closedloop.simulation.damage.nsx import cut_off, forget_last_count, leave_slow_copy, tear
from closedloop.simulation.timeline import SAMPLE_HZ, Timeline, whole
from closedloop.storage import read_bytes, write_bytes

__all__ = ["RecorderFault", "spoil_files", "timeline_with"]

PTP_START_TICK: Final = 1_700_000_000 * 10**9  # nanoseconds since 1970: what a PTP clock reads
_STUB_SAMPLES = 500
_PTP_DRIFT_PPM = 50.0
_JUMP_BACK_S = 2
_LATE_S = 5 / SAMPLE_HZ
_LARGE_ID = 3000
_SLOWEST_HZ = 500


def _share(n_samples: int, percent: int) -> int:
    return n_samples * percent // 100


def _pause(timeline: Timeline, n_samples: int) -> Timeline:
    return timeline.pause(_share(n_samples, 40), _share(n_samples, 44))


def _reset(timeline: Timeline, n_samples: int) -> Timeline:
    return timeline.reset(_share(n_samples, 60))


def _stub(timeline: Timeline, _n_samples: int) -> Timeline:
    return timeline.reset(_STUB_SAMPLES)


def _gap(timeline: Timeline, n_samples: int) -> Timeline:
    start = _share(n_samples, 30)
    return timeline.pause(start, start + SAMPLE_HZ // 2)


def _jump_back(timeline: Timeline, n_samples: int) -> Timeline:
    tick_hz = round(timeline.segments[0].ticks_per_sample * SAMPLE_HZ)
    return timeline.jump_back(_share(n_samples, 70), ticks=_JUMP_BACK_S * tick_hz)


_OF_THE_CLOCK: dict[RecorderFault, Callable[[Timeline, int], Timeline]] = {
    "sync_stub": _stub,
    "ptp_gap": _gap,
    "pause": _pause,
    "slow_stub": _pause,
    "reset": _reset,
    "ptp_jump_back": _jump_back,
}


def timeline_with(faults: Iterable[RecorderFault], n_samples: int, *, specification: str) -> Timeline:
    """Return what a processor's clock reads during a recording with faults.

    Parameters
    ----------
    faults
        Names; those of files, not of the clock, change nothing here.
    n_samples
        Length of the recording.
    specification
        Of the files; decides rate and start of the clock.
    """
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


def _truncate(stem: Path) -> None:
    """Cut 5 % off the samples, in the middle of one."""
    file = stem.with_suffix(".ns6")
    cut_off(file, file.stat().st_size // 20 // 2 * 2 + 1)


def _crash(stem: Path) -> None:
    forget_last_count(stem.with_suffix(".ns6"))


def _tear_holes(stem: Path) -> None:
    tear(stem.with_suffix(".ns6"), every=round(0.05 * SAMPLE_HZ), missing=round(0.0003 * SAMPLE_HZ))


def _overlap(stem: Path) -> None:
    tear(stem.with_suffix(".ns6"), every=SAMPLE_HZ, again=1)


def _add_slow_file(stem: Path) -> None:
    leave_slow_copy(stem.with_suffix(".ns6"), suffix=".ns1", every=SAMPLE_HZ // _SLOWEST_HZ, stub=1)


def _shuffle(stem: Path) -> None:
    file = stem.with_suffix(".nev")
    shuffle(file, ticks=round(_LATE_S * read_nev_header(file).tick_hz))


def _stray(stem: Path) -> None:
    """Flip the fourth bit from the top of three time stamps: years off with 64 bits, an hour or more with 32."""
    file = stem.with_suffix(".nev")
    header = read_nev_header(file)
    places = [header.n_packets * quarter // 4 for quarter in (1, 2, 3)]
    flip_tick_bit(file, packets=places, bit=8 * header.layout.timestamp.itemsize - 4)


def _large_ids(stem: Path) -> None:
    insert_packets(stem.with_suffix(".nev"), kind=_LARGE_ID, every=50)


def _unknown_headers(stem: Path) -> None:
    """Insert headers before the others: two that crash other readers, and one that does not exist."""
    file = stem.with_suffix(".nev")
    layout = read_nev_header(file).layout
    content = read_bytes(file)
    basic = np.frombuffer(content, layout.basic_header, 1).copy()
    more = np.zeros(3, EXTENDED_HEADER)
    more["tag"], more["payload"] = [b"ARRAYNME", b"MAPFILE", b"NOSUCHID"], b"closedloop"
    basic["header_bytes"] += more.nbytes
    basic["n_extended"] += len(more)
    write_bytes(file, basic.tobytes() + more.tobytes() + content[basic.nbytes :])


_OF_THE_FILES: dict[RecorderFault, Callable[[Path], None]] = {
    "out_of_order": _shuffle,
    "stray_ticks": _stray,
    "large_electrode_ids": _large_ids,
    "unknown_headers": _unknown_headers,
    "slow_stub": _add_slow_file,
    "ptp_holes": _tear_holes,
    "overlapping_blocks": _overlap,
    "crashed": _crash,
    "truncated": _truncate,
}


def spoil_files(stem: Path, faults: Iterable[RecorderFault]) -> None:
    """Damage a processor's finished files, given without their extension."""
    wanted = set(faults)
    for name, spoil in _OF_THE_FILES.items():
        if name in wanted:
            spoil(stem)
