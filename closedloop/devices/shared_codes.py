"""Digital codes that one processor received, on the clock of another: Gemini's NSP and its hubs share one PTP clock.

With the digital input wired to the NSP alone, the hubs' files hold voltage and spikes and no code. Where both count
nanoseconds of one PTP clock, a tick is the same moment on both, and no alignment is needed between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from closedloop.devices.device import Device
from closedloop.recording.codes import ReceivedCodes

_PTP_TICK_HZ = 1_000_000_000
_LEAST_SHARED = 0.5  # of the shorter recording; clocks of their own do not read the same by chance
_FEW = 0.5  # a processor with fewer than half of another's codes has not the rig's digital lines


def share_codes(devices: Sequence[Device]) -> tuple[Device, ...]:
    """Give processors without digital codes those that another one received by the same PTP clock.

    Parameters
    ----------
    devices
        All processors of a recording.

    Returns
    -------
    tuple of Device
        The same; one that was given codes says from where.
    """
    return tuple(_with_codes(device, [other for other in devices if other is not device]) for device in devices)


def _with_codes(device: Device, others: Sequence[Device]) -> Device:
    offered = [(other, codes) for other in others if (codes := _codes_on(device, other)) is not None]
    if not offered:
        return device
    giver, codes = max(offered, key=lambda pair: len(pair[1].tick))
    if len(device.codes.tick) >= _FEW * len(codes.tick):
        return device
    own = f", {len(device.codes.tick)} of its own are left out" if len(device.codes.tick) else ""
    said = f"its digital codes are those that {giver.name} received by the same PTP clock{own}"
    return replace(device, codes=codes, remarks=(*device.remarks, said))


def _codes_on(device: Device, giver: Device) -> ReceivedCodes | None:
    """Return a giver's codes in a device's clock segments; None where their clocks are not one."""
    if not device.tick_hz == giver.tick_hz == _PTP_TICK_HZ:
        return None
    own, theirs = _extents(device), _extents(giver)
    shared = sum(
        max(0, min(stop, other_stop) - max(start, other_start))
        for start, stop in own.values()
        for other_start, other_stop in theirs.values()
    )
    shorter = min(sum(stop - start for start, stop in extents.values()) for extents in (own, theirs))
    if shared <= _LEAST_SHARED * shorter:
        return None
    rows = []
    for clock_segment, (start, stop) in own.items():
        inside = np.flatnonzero((giver.codes.tick >= start) & (giver.codes.tick < stop))
        inside = inside[np.argsort(giver.codes.tick[inside], kind="stable")]
        rows.append(
            (np.full(len(inside), clock_segment, np.int64), giver.codes.tick[inside], giver.codes.value[inside])
        )
    clock_segments, ticks, values = (np.concatenate(column) for column in zip(*rows, strict=True))
    return ReceivedCodes(clock_segments, ticks, values, giver.codes.tick_hz)


def _extents(device: Device) -> dict[int, tuple[int, int]]:
    """Return from when to when each clock segment goes, pauses included."""
    extents: dict[int, tuple[int, int]] = {}
    for segment in device.segments:
        start, stop = extents.get(segment.clock_segment, (segment.first_tick, segment.end_tick))
        extents[segment.clock_segment] = (min(start, segment.first_tick), max(stop, segment.end_tick))
    return extents
