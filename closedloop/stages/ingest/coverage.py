"""Which presentations each electrode was recorded on: what was not recorded is unknown, never no spikes.

Spikes that the recorder found are known as long as there are any (`recording.activity`); those found in voltage as long
as the file goes on that holds the electrode. The files of a processor need not end together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.devices.device import Device
from closedloop.recording.activity import Silence, SpikeActivity
from closedloop.recording.segments import Segment
from closedloop.recording.usability import usable
from closedloop.stages.ingest.recording import DayDevice

_SPIKES, _VOLTAGE = "the recorder's spikes (NEV)", "the voltage"
_NO_SPIKES = "the recorder found no spike on any electrode"


@dataclass(frozen=True)
class Coverage:
    """Electrodes that were recorded alike: when, and what they are counted from."""

    electrode_ids: tuple[int, ...]
    segments: tuple[Segment, ...]
    counted_from: str


@dataclass(frozen=True)
class DeviceCoverage:
    """A device's electrodes by when they were recorded, the largest group first, and what else must be known of it."""

    groups: tuple[Coverage, ...]
    remarks: tuple[str, ...] = ()


def coverage_of(own: DayDevice, activity: SpikeActivity) -> DeviceCoverage:
    """Find when each electrode of a device was recorded.

    Parameters
    ----------
    own
        The device, and what is counted of it.
    activity
        When the recorder found spikes at all; of no matter where voltage is counted.
    """
    if own.from_raw:
        files = [(one.electrode_ids, one.segments) for one in own.detected]
        return DeviceCoverage(_groups(own.electrode_ids, files, counted_from=_VOLTAGE))
    found = activity.coverage(own.device.segments)
    silent = [electrode for electrode in own.electrode_ids if not activity.n_by_electrode[electrode]]
    known = [
        (tuple(one for one in electrodes if activity.n_by_electrode[one]), segments)
        for electrodes, segments in _parts(own.device, found.segments)
    ]
    groups = _groups(own.electrode_ids, known, counted_from=_SPIKES)
    return DeviceCoverage(groups, (*_silence_remarks(found.silences), *_silent_remark(silent, own)))


def _parts(device: Device, segments: Sequence[Segment]) -> list[tuple[tuple[int, ...], tuple[Segment, ...]]]:
    """Divide a device's segments among its recordings: each has electrodes of its own."""
    bounds = [part.first_clock_segment for part in device.parts] + [np.iinfo(np.int64).max]
    return [
        (
            tuple(part.spike_electrodes),
            tuple(one for one in segments if bounds[place] <= one.clock_segment < bounds[place + 1]),
        )
        for place, part in enumerate(device.parts)
    ]


def _groups(
    electrode_ids: Sequence[int],
    sources: Sequence[tuple[tuple[int, ...], tuple[Segment, ...]]],
    *,
    counted_from: str,
) -> tuple[Coverage, ...]:
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    within = [set(electrodes) for electrodes, _ in sources]
    for electrode in electrode_ids:
        alike[tuple(place for place, own in enumerate(within) if electrode in own)].append(electrode)
    groups = [
        Coverage(
            tuple(electrodes),
            tuple(
                sorted(
                    (segment for place in places for segment in sources[place][1]),
                    key=lambda segment: (segment.clock_segment, segment.first_tick),
                )
            ),
            counted_from,
        )
        for places, electrodes in alike.items()
    ]
    return tuple(sorted(groups, key=lambda group: (not group.segments, -len(group.electrode_ids))))


def _silence_remarks(silences: Sequence[Silence]) -> list[str]:
    said = []
    for where, words in (("start", "begin {:.1f} s after"), ("end", "end {:.1f} s before")):
        seconds = sum(one.seconds for one in silences if one.where == where)
        if seconds:
            said.append(f"{_SPIKES} {words.format(seconds)} the recording: presentations there are set aside")
    within = [one.seconds for one in silences if one.where == "middle"]
    if within:
        said.append(
            f"{_SPIKES} have {len(within)} gap{'s' * (len(within) > 1)}, {sum(within):.1f} s without one on any "
            "electrode: presentations there are set aside"
        )
    return said


def _silent_remark(silent: Sequence[int], own: DayDevice) -> list[str]:
    if not silent:
        return []
    named = ", ".join(str(electrode) for electrode in silent[:8]) + (", ..." if len(silent) > 8 else "")
    return [
        f"{len(silent)} of {len(own.electrode_ids)} electrodes without a single spike ({named}): whether they were "
        "recorded cannot be told, they are not counted"
    ]


def recorded_on(
    group: Coverage,
    device: Device,
    *,
    clock_segment: NDArray[np.int64],
    onset_tick: NDArray[np.float64],
    needed_ms: tuple[float, float],
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Set aside the presentations around which a group of electrodes was not recorded; see `usability.usable`.

    Parameters
    ----------
    group, device
        The electrodes, and their device.
    clock_segment, onset_tick
        Onsets on the device's clock, shape (n_presentations,).
    needed_ms
        From when to when around an onset.
    """
    tick, reasons = usable(clock_segment, onset_tick, group.segments, tick_hz=device.tick_hz, needed_ms=needed_ms)
    _, by_device = usable(clock_segment, onset_tick, device.segments, tick_hz=device.tick_hz, needed_ms=needed_ms)
    bounds = [bound * device.tick_hz / 1000 for bound in needed_ms]
    return tick, tuple(
        (general or _own_reason(group, (int(at), onset + bounds[0]), (int(at), onset + bounds[1]))) if reason else ""
        for reason, general, at, onset in zip(reasons, by_device, clock_segment, onset_tick, strict=True)
    )


def _own_reason(group: Coverage, first: tuple[int, float], last: tuple[int, float]) -> str:
    if not group.segments:
        return _NO_SPIKES if group.counted_from == _SPIKES else f"{group.counted_from} was not recorded"
    start, stop = group.segments[0], group.segments[-1]
    if last > (stop.clock_segment, stop.end_tick):
        return f"{group.counted_from} end{_s(group)} before it"
    if first < (start.clock_segment, start.first_tick):
        return f"{group.counted_from} begin{_s(group)} after it"
    return f"touches a gap of {group.counted_from}"


def _s(group: Coverage) -> str:
    return "" if group.counted_from == _SPIKES else "s"
