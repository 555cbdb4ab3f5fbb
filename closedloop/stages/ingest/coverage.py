"""Which presentations each electrode was recorded on: what was not recorded is unknown, never no spikes.

Spikes that the recorder found are known as long as there are any (`recording.activity`); those found in voltage as long
as the file goes on that holds the electrode. The files of a processor need not end together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.devices.device import Device
from closedloop.recording.activity import Silence, SpikeActivity, SpikeCoverage
from closedloop.recording.banks import BankActivity, banks_of
from closedloop.recording.gaps import SpikeGap, cut_out
from closedloop.recording.segments import Segment
from closedloop.recording.usability import usable
from closedloop.stages.ingest.recording import DayDevice

_SPIKES, _VOLTAGE = "the recorder's spikes (NEV)", "the voltage"
_ENDED_S, _ENDED_INTERVALS, _ENDED_LEAST = 5.0, 100, 50  # an electrode: seconds, own usual intervals, its spikes
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


def coverage_of(own: DayDevice, activity: BankActivity) -> DeviceCoverage:
    """Find when each electrode of a device was recorded.

    Parameters
    ----------
    own
        The device, and what is counted of it.
    activity
        When the recorder found spikes at all, and on each bank; of no matter where voltage is counted.
    """
    if own.from_raw:
        files = [(one.electrode_ids, one.segments) for one in own.detected]
        return DeviceCoverage(_groups(own.electrode_ids, files, counted_from=_VOLTAGE))
    spikes, gaps = activity.device, own.device.spike_gaps()
    found = spikes.coverage(own.device.segments, gaps)
    of_bank = {bank: one.coverage_of_bank(found.segments) for bank, one in activity.banks.items()}
    alone = {bank: one for bank, one in of_bank.items() if one.segments != found.segments}
    silent = [electrode for electrode in own.electrode_ids if not spikes.n_by_electrode[electrode]]
    known = [
        (tuple(one for one in electrodes if spikes.n_by_electrode[one]), segments)
        for electrodes, segments in _parts(own.device, found.segments, alone)
    ]
    groups = _groups(own.electrode_ids, known, counted_from=_SPIKES)
    said = (
        *_silence_remarks(found.silences),
        *_gap_remark(gaps, own.device),
        *_bank_remarks(alone, own),
        *_ended_remark(groups, spikes),
        *_silent_remark(silent, own),
    )
    return DeviceCoverage(groups, said)


def _parts(
    device: Device, segments: Sequence[Segment], alone: Mapping[int, SpikeCoverage]
) -> list[tuple[tuple[int, ...], tuple[Segment, ...]]]:
    """Divide a device's segments among its recordings and their banks: each has electrodes of its own.

    Parameters
    ----------
    device, segments
        The device, and when it was recorded.
    alone
        The banks that were recorded at other times than the device.
    """
    bounds = [part.first_clock_segment for part in device.parts] + [np.iinfo(np.int64).max]
    return [
        (
            tuple(one for one in part.spike_electrodes if (_bank(one) if _bank(one) in alone else None) == bank),
            tuple(one for one in recorded if bounds[place] <= one.clock_segment < bounds[place + 1]),
        )
        for place, part in enumerate(device.parts)
        for bank, recorded in ((None, segments), *((bank, one.segments) for bank, one in alone.items()))
    ]


def _bank(electrode: int) -> int:
    return int(banks_of([electrode])[0])


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


def _silence_remarks(silences: Sequence[Silence], *, of_bank: bool = False) -> list[str]:
    where_not, on_them = (" of the bank", " on them") if of_bank else ("", "")
    said = []
    for where, words in (("start", "begin {:.1f} s after"), ("end", "end {:.1f} s before")):
        seconds = sum(one.seconds for one in silences if one.where == where)
        if seconds:
            said.append(f"{_SPIKES} {words.format(seconds)} the recording: presentations there are set aside{on_them}")
    within = [one.seconds for one in silences if one.where == "middle"]
    if within:
        said.append(
            f"{_SPIKES} have {len(within)} gap{'s' * (len(within) > 1)}, {sum(within):.1f} s without one on any "
            f"electrode{where_not}: presentations there are set aside{on_them}"
        )
    return said


def _gap_remark(gaps: Sequence[SpikeGap], device: Device) -> list[str]:
    """Say how long spikes are lost of which the file itself shows it."""
    if not gaps:
        return []
    left = cut_out(device.segments, gaps)
    lost = device.duration_s - sum(one.end_tick - one.first_tick for one in left) / device.tick_hz
    return [
        f"{_SPIKES} have {len(gaps)} hole{'s' * (len(gaps) > 1)} of zeros, {lost:.1f} s from packet to packet: "
        "presentations there are set aside; copy the file again if its source is whole"
    ]


def _bank_remarks(alone: Mapping[int, SpikeCoverage], own: DayDevice) -> list[str]:
    said = []
    for bank, found in sorted(alone.items()):
        ids = [electrode for electrode in own.electrode_ids if _bank(electrode) == bank]
        said += [
            f"{len(ids)} electrodes from {ids[0]} to {ids[-1]}, a bank: {remark}"
            for remark in _silence_remarks(found.silences, of_bank=True)
        ]
    return said


def _ended_remark(groups: Sequence[Coverage], spikes: SpikeActivity) -> list[str]:
    """Name electrodes that fell silent for good; a lost unit looks like a lost contact, so that they are counted."""
    ended: list[int] = []
    least_s = np.inf
    for group in groups:
        electrodes = np.array(group.electrode_ids)
        clock_segment, first, end = (
            np.array([(one.clock_segment, one.first_tick, one.end_tick) for one in group.segments], np.int64)
            .reshape(-1, 3)
            .T
        )
        for electrode in electrodes[spikes.n_by_electrode[electrodes] >= _ENDED_LEAST].tolist():
            own, last = spikes.last_clock_segment[electrode], spikes.last_tick[electrode]
            start = np.select([clock_segment > own, clock_segment < own], [first, end], np.clip(last + 1, first, end))
            after, before = int((end - start).sum()), int((start - first).sum())
            if after > max(_ENDED_S * spikes.tick_hz, _ENDED_INTERVALS * before / spikes.n_by_electrode[electrode]):
                ended.append(electrode)
                least_s = min(least_s, after / spikes.tick_hz)
    if not ended:
        return []
    return [
        f"{len(ended)} electrode{'s' * (len(ended) > 1)} without a spike from some moment to the end, for at least "
        f"{least_s:.1f} s ({_named(sorted(ended))}): counted as no spikes; look at the contact or the unit"
    ]


def _named(electrodes: Sequence[int]) -> str:
    return ", ".join(str(electrode) for electrode in electrodes[:8]) + (", ..." if len(electrodes) > 8 else "")


def _silent_remark(silent: Sequence[int], own: DayDevice) -> list[str]:
    if not silent:
        return []
    return [
        f"{len(silent)} of {len(own.electrode_ids)} electrodes without a single spike ({_named(silent)}): whether they "
        "were recorded cannot be told, they are not counted"
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
