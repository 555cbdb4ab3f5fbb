"""The light that one device saw, on the clock of another.

Two devices receive the same words, so that their clocks are compared directly, word by word: unlike the rig's moments
of sending, these have no jitter but the rounding to ticks. Where two epochs have too few words in common, the lag
behind the marker serves.
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
_FARTHEST_S = 120.0  # from a word that both received

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class SharedOnsets:
    """Light on one device's clock, wherever it was seen; all arrays of shape (n_sent,).

    `tick` is NaN where no device saw any; `odd` marks what only edges at unusual moments followed; `light_from` names
    the device that saw most, None if none did.
    """

    tick: Floats
    late_frame: Flags
    odd: Flags
    track: LatencyTrack
    light_from: str | None


def shared_onsets(name: str, devices: dict[str, OneDevice]) -> SharedOnsets:
    """Gather the light for one device: its own first, then what the others saw."""
    own = devices[name]
    found = SharedOnsets(own.light_tick, own.light.late_frame, own.light.odd, own.light.track, None)
    best = (int(np.count_nonzero(~np.isnan(found.tick))), name)
    for other_name, other in devices.items():
        if other_name == name:
            continue
        tick = onsets_on(own, other)
        missing = np.isnan(found.tick) & ~np.isnan(tick)
        best = max(best, (int(np.count_nonzero(missing)), other_name), key=lambda pair: pair[0])
        blind = np.isnan(found.track.lag_ms)
        found = replace(
            found,
            tick=np.where(missing, tick, found.tick),
            late_frame=np.where(missing, other.light.late_frame, found.late_frame),
            odd=(found.odd | (other.light.odd & np.isnan(found.tick))) & ~missing,
            track=LatencyTrack(np.where(blind, other.light.track.lag_ms, found.track.lag_ms), found.track.tolerance_ms),
        )
    return replace(found, light_from=best[1] if best[0] else None)


def onsets_on(target: OneDevice, donor: OneDevice) -> Floats:
    """Put a donor's light on a target's clock, ticks, shape (n_sent,); NaN where that cannot be done."""
    light_s = _onset_seconds(donor)
    on_target_s = target.markers.array_s + (light_s - donor.markers.array_s)
    both = (donor.markers.source == "code") & (target.markers.source == "code")
    tick = np.full(len(light_s), np.nan)
    pairs = np.unique(np.stack([donor.epoch, target.epoch])[:, both], axis=1).T.tolist()
    for donor_epoch, target_epoch in pairs:
        here = (donor.epoch == donor_epoch) & (target.epoch == target_epoch)
        on_target_s[here] = _by_common_codes(
            donor.markers.array_s[here & both],
            target.markers.array_s[here & both],
            light_s[here],
            otherwise_s=on_target_s[here],
        )
    for epoch in target.lists.origin_tick:
        own = target.epoch == epoch
        tick[own] = target.lists.ticks(epoch, on_target_s[own])
    return tick


def _onset_seconds(device: OneDevice) -> Floats:
    light_s = np.full(len(device.light_tick), np.nan)
    lists: CodeLists = device.lists
    for epoch in lists.origin_tick:
        own = device.epoch == epoch
        light_s[own] = lists.seconds(epoch, device.light_tick[own])
    return light_s


def _by_common_codes(donor_s: Floats, target_s: Floats, light_s: Floats, *, otherwise_s: Floats) -> Floats:
    """Convert a donor's times by the words that both received, as far as these reach."""
    if len(donor_s) < _LEAST_CODES:
        return otherwise_s
    clock = local_clock(fit_clock(donor_s, target_s), donor_s, target_s)
    after = np.clip(np.searchsorted(donor_s, light_s), 0, len(donor_s) - 1)
    apart_s = np.fmin(np.abs(donor_s[after] - light_s), np.abs(donor_s[np.maximum(after - 1, 0)] - light_s))
    return np.where(apart_s <= _FARTHEST_S, clock.array_s(light_s), otherwise_s)
