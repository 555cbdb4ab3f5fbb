"""Photodiode onsets that one device recorded, on the clock of another.

Two devices receive the same codes, so that their clocks are compared directly, code by code: unlike the rig's moments
of sending, these have no jitter but the rounding to ticks. Where two clock segments have too few codes in common, the
latency after the marker serves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.clock import fit_clock, local_clock
from closedloop.alignment.code_lists import CodeLists
from closedloop.alignment.one_device import OneDevice
from closedloop.alignment.photodiode import LatencyTrack

_LEAST_CODES = 3
_FARTHEST_S = 120.0  # from a code that both received

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class SharedOnsets:
    """Photodiode onsets on one device's clock, whichever recorded them; all arrays of shape (n_sent,).

    `tick` is NaN where no device has one; `unexpected` marks what only edges outside the expected window followed;
    `seen_by` names the device that has most, None if none has any.
    """

    tick: Floats
    late_frame: Flags
    unexpected: Flags
    track: LatencyTrack
    seen_by: str | None


def shared_onsets(name: str, devices: dict[str, OneDevice]) -> SharedOnsets:
    """Gather the onsets for one device: its own first, then what the others recorded."""
    own = devices[name]
    found = SharedOnsets(
        own.photodiode_tick, own.photodiode.late_frame, own.photodiode.unexpected, own.photodiode.track, None
    )
    best = (int(np.count_nonzero(~np.isnan(found.tick))), name)
    for other_name, other in devices.items():
        if other_name == name:
            continue
        tick = onsets_on(own, other)
        missing = np.isnan(found.tick) & ~np.isnan(tick)
        best = max(best, (int(np.count_nonzero(missing)), other_name), key=lambda pair: pair[0])
        blind = np.isnan(found.track.latency_ms)
        found = replace(
            found,
            tick=np.where(missing, tick, found.tick),
            late_frame=np.where(missing, other.photodiode.late_frame, found.late_frame),
            unexpected=(found.unexpected | (other.photodiode.unexpected & np.isnan(found.tick))) & ~missing,
            track=LatencyTrack(
                np.where(blind, other.photodiode.track.latency_ms, found.track.latency_ms), found.track.tolerance_ms
            ),
        )
    return replace(found, seen_by=best[1] if best[0] else None)


def onsets_on(target: OneDevice, donor: OneDevice) -> Floats:
    """Return a donor's onsets on a target's clock, ticks, shape (n_sent,); NaN where that cannot be done."""
    onset_s = _onset_seconds(donor)
    on_target_s = target.markers.array_s + (onset_s - donor.markers.array_s)
    both = (donor.markers.source == "code") & (target.markers.source == "code")
    tick = np.full(len(onset_s), np.nan)
    pairs = np.unique(np.stack([donor.clock_segment, target.clock_segment])[:, both], axis=1).T.tolist()
    for donor_clock_segment, target_clock_segment in pairs:
        here = (donor.clock_segment == donor_clock_segment) & (target.clock_segment == target_clock_segment)
        on_target_s[here] = _by_common_codes(
            donor.markers.array_s[here & both],
            target.markers.array_s[here & both],
            onset_s[here],
            otherwise_s=on_target_s[here],
        )
    for clock_segment in target.lists.origin_tick:
        own = target.clock_segment == clock_segment
        tick[own] = target.lists.ticks(clock_segment, on_target_s[own])
    return tick


def _onset_seconds(device: OneDevice) -> Floats:
    onset_s = np.full(len(device.photodiode_tick), np.nan)
    lists: CodeLists = device.lists
    for clock_segment in lists.origin_tick:
        own = device.clock_segment == clock_segment
        onset_s[own] = lists.seconds(clock_segment, device.photodiode_tick[own])
    return onset_s


def _by_common_codes(donor_s: Floats, target_s: Floats, onset_s: Floats, *, otherwise_s: Floats) -> Floats:
    """Convert a donor's times by the codes that both received, as far as these reach."""
    if len(donor_s) < _LEAST_CODES:
        return otherwise_s
    clock = local_clock(fit_clock(donor_s, target_s), donor_s, target_s)
    after = np.clip(np.searchsorted(donor_s, onset_s), 0, len(donor_s) - 1)
    apart_s = np.fmin(np.abs(donor_s[after] - onset_s), np.abs(donor_s[np.maximum(after - 1, 0)] - onset_s))
    return np.where(apart_s <= _FARTHEST_S, clock.array_s(onset_s), otherwise_s)
