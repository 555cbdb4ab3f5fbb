"""From the rig's journal to onsets on the clocks of one or several recorders.

1. Each run, a launch of the rig (its clock may start anew when it is resumed) on an epoch of the recorder (its clock
   may be reset), finds its place by a vote over equal codes (`clock_search`, `run_search`, `placement`).
2. Sent and received codes are paired by dynamic programming (`code_matching`, `pairing`).
3. A robust line and the wander around it relate the clocks (`clock`); they time the presentations whose code was lost
   or came off time, as far as that can be known (`markers`).
4. The photodiode, where there is one, has the last word on the onset (`light`), on all devices (`shared_onsets`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.code_matching import UNPAIRED
from closedloop.alignment.markers import NOT_PLACED
from closedloop.alignment.one_device import OneDevice, align_device
from closedloop.alignment.quality import AlignmentQuality, describe
from closedloop.alignment.run_search import AlignmentRules
from closedloop.alignment.shared_photodiode import SharedOnsets, shared_onsets
from closedloop.recording.codes import Edges, ReceivedCodes, SentCodes
from closedloop.recording.segments import Segment

UNEXPECTED_EDGE = "its light was seen at an unusual moment only"
_MS_PER_S = 1000


@dataclass(frozen=True)
class Alignment:
    """When everything sent happened on one device's clock.

    All arrays have shape (n_sent,). `onset_tick`, in `epoch`, is the light's rising edge (source "photodiode"); without
    one, the received code ("code") or, where the code was lost or came off time, the clocks ("fit"), both moved by the
    usual lag of the light at that time of the day, if there is any; NaN ("none") where neither is known, with the
    reason in plain words. `epoch` is -1 where unknown. `code_tick` is NaN where the code was lost; `received_index` is
    then -1. `changed` marks codes that arrived with flipped bits. `run` is the index of the run in ``quality.runs``, -1
    where unknown. `late_ms` is the received code minus the moment that the clocks tell and `lag_ms` the light minus the
    marker, NaN where there is none.
    """

    epoch: NDArray[np.int64]
    onset_tick: NDArray[np.float64]
    source: NDArray[np.str_]
    reason: tuple[str, ...]
    code_tick: NDArray[np.float64]
    received_index: NDArray[np.int64]
    changed: NDArray[np.bool_]
    run: NDArray[np.int64]
    late_ms: NDArray[np.float64]
    lag_ms: NDArray[np.float64]
    quality: AlignmentQuality


def align(
    sent: SentCodes,
    received: ReceivedCodes,
    *,
    edges: Edges | None = None,
    segments: Sequence[Segment] | None = None,
    rules: AlignmentRules | None = None,
    place: str = "recording",
) -> Alignment:
    """Find every sent code in a device's recording, and the onset that goes with it.

    Parameters
    ----------
    sent, received
        Both lists of codes.
    edges
        Rising edges of the light; None where no photodiode was recorded.
    segments
        When the device recorded: a presentation whose code was lost is timed by the clocks inside of these only. If
        None, only the time from the first to the last code of each epoch is taken for recorded.
    rules
        What is accepted.
    place
        What an error message calls the recording.

    Raises
    ------
    AlignmentError
        Too few of the codes are in the recording: it belongs to another session.
    """
    return align_devices(
        sent,
        {place: received},
        edges={} if edges is None else {place: edges},
        segments={} if segments is None else {place: segments},
        rules=rules,
    )[place]


def align_devices(
    sent: SentCodes,
    received: Mapping[str, ReceivedCodes],
    *,
    edges: Mapping[str, Edges] | None = None,
    segments: Mapping[str, Sequence[Segment]] | None = None,
    rules: AlignmentRules | None = None,
) -> dict[str, Alignment]:
    """Align every device by itself; the light that one saw times the others too.

    Parameters
    ----------
    sent
        What the rig sent.
    received, edges, segments
        What each device received, saw and recorded, by its name, as for `align`. A device without an entry in `edges`
        has no photodiode.
    rules
        What is accepted.

    Raises
    ------
    AlignmentError
        A device's recording belongs to another session.
    """
    rules = rules or AlignmentRules()
    devices = {
        name: align_device(
            sent,
            codes,
            edges=(edges or {}).get(name),
            segments=(segments or {}).get(name),
            rules=rules,
            place=name,
        )
        for name, codes in received.items()
    }
    return {
        name: _assemble(sent, received[name], device, shared_onsets(name, devices)) for name, device in devices.items()
    }


def _assemble(sent: SentCodes, received: ReceivedCodes, device: OneDevice, light: SharedOnsets) -> Alignment:
    lists, pairing, markers = device.lists, device.pairing, device.markers
    marker = device.marker_tick
    seen = ~np.isnan(light.tick)
    odd = light.odd & ~seen & (markers.source != "none")
    usual = np.nan_to_num(light.track.lag_ms) * sent.is_lit * received.tick_hz / _MS_PER_S
    onset = np.where(seen, light.tick, marker + usual)
    source = np.where(odd, "none", np.where(seen, "photodiode", markers.source))
    reason = tuple(np.where(odd, UNEXPECTED_EDGE, markers.reason).tolist())
    index = pairing.received
    lag_ms = (light.tick - marker) / received.tick_hz * _MS_PER_S
    lost = index == UNPAIRED
    return Alignment(
        epoch=device.epoch,
        onset_tick=np.where(odd, np.nan, onset),
        source=source,
        reason=reason,
        code_tick=np.where(lost, np.nan, np.append(received.tick, 0)[index]),
        received_index=index,
        changed=~lost & (np.append(lists.value, 0)[index] != lists.code),
        run=markers.run,
        late_ms=pairing.late_s * _MS_PER_S,
        lag_ms=lag_ms,
        quality=describe(
            lists,
            pairing,
            markers,
            sent_code=sent.code,
            is_lit=sent.is_lit,
            source=source,
            reason=reason,
            lag_ms=lag_ms,
            late_frame=light.late_frame & seen,
            light_from=light.light_from,
        ),
    )


__all__ = ["NOT_PLACED", "UNEXPECTED_EDGE", "Alignment", "align", "align_devices"]
