"""From the rig's journal to onsets on the clocks of one or several recorders.

1. Each run, a launch of the rig (its clock may start anew when it is resumed) on a clock segment of the recorder (its
   clock may be reset), finds its place by a vote over equal codes (`clock_search`, `run_search`, `placement`).
2. Sent and received codes are paired by dynamic programming (`code_matching`, `pairing`).
3. A robust line and the residual drift around it relate the clocks (`clock`); they time the presentations whose code
   was lost or came off time, as far as that can be known (`markers`).
4. The photodiode, where there is one, decides the onset (`photodiode`), on all devices (`shared_photodiode`).
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
from closedloop.recording.lookup import take_or
from closedloop.recording.segments import Segment

UNEXPECTED_EDGE = "photodiode edge outside the expected window"


@dataclass(frozen=True)
class Alignment:
    """When everything sent happened on one device's clock.

    All arrays have shape (n_sent,).

    Attributes
    ----------
    clock_segment, onset_tick
        When, in recorder ticks of a clock segment: -1 and NaN where unknown.
    source
        What timed it: the photodiode's rising edge ("photodiode"), else the received code ("code") or, where the code
        was lost or came off time, the clocks ("fit"), both moved by the usual display latency at that time of the day,
        if it is known; "none" where nothing did.
    reason
        Why there is no onset; empty where there is one.
    code_tick, received_index
        Tick and index of the received code, NaN and -1 where it was lost.
    changed
        Which codes arrived with flipped bits.
    run
        Index of the run in ``quality.runs``, -1 where unknown.
    late_ms
        Received code minus the moment that the clocks give, NaN where it was lost.
    latency_ms
        Display latency: photodiode onset minus digital code, NaN without an edge.
    quality
        The report on codes, clocks and photodiode.
    """

    clock_segment: NDArray[np.int64]
    onset_tick: NDArray[np.float64]
    source: NDArray[np.str_]
    reason: tuple[str, ...]
    code_tick: NDArray[np.float64]
    received_index: NDArray[np.int64]
    changed: NDArray[np.bool_]
    run: NDArray[np.int64]
    late_ms: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
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
        Rising edges of the photodiode; None where none was recorded.
    segments
        Uninterrupted periods of recording, in order: a presentation whose code was lost is timed by the clocks inside
        of these only. If None, only the time from the first to the last code of each clock segment is taken for
        recorded.
    rules
        What is accepted.
    place
        What an error message calls the recording.

    Raises
    ------
    AlignmentError
        Too few of the codes are in the recording: it belongs to another session.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.alignment import align
    >>> from closedloop.recording import ReceivedCodes, SentCodes
    >>> time_s = np.cumsum(np.random.default_rng(0).uniform(0.15, 0.25, 50))
    >>> sent = SentCodes(np.arange(1, 51), time_s)
    >>> tick = np.rint((time_s + 5) * 30_000).astype(np.int64)
    >>> arrived = np.arange(50) != 20  # one code was lost
    >>> received = ReceivedCodes(np.zeros(49, int), tick[arrived], sent.code[arrived])
    >>> found = align(sent, received)
    >>> found.quality.n_matched, found.quality.n_lost, str(found.source[20])
    (49, 1, 'fit')
    >>> bool(abs(found.onset_tick - tick).max() < 3)
    True
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
    """Align every device by itself; photodiode onsets that one recorded time the others too.

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

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.alignment import align_devices
    >>> from closedloop.recording import ReceivedCodes, SentCodes
    >>> time_s = np.cumsum(np.random.default_rng(0).uniform(0.15, 0.25, 50))
    >>> sent = SentCodes(np.arange(1, 51), time_s)
    >>> tick = np.rint((time_s + 5) * 30_000).astype(np.int64)
    >>> clocks = {"nsp1": tick, "nsp2": tick + 900}
    >>> received = {name: ReceivedCodes(np.zeros(50, int), own, sent.code) for name, own in clocks.items()}
    >>> found = align_devices(sent, received)
    >>> {name: round(one.quality.offset_s, 2) for name, one in found.items()}
    {'nsp1': 5.0, 'nsp2': 5.03}
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


def _assemble(sent: SentCodes, received: ReceivedCodes, device: OneDevice, photodiode: SharedOnsets) -> Alignment:
    lists, pairing, markers = device.lists, device.pairing, device.markers
    marker = device.marker_tick
    seen = ~np.isnan(photodiode.tick)
    unexpected = photodiode.unexpected & ~seen & (markers.source != "none")
    usual = np.nan_to_num(photodiode.track.latency_ms) * sent.is_lit * received.tick_hz / 1000
    onset = np.where(seen, photodiode.tick, marker + usual)
    source = np.where(unexpected, "none", np.where(seen, "photodiode", markers.source))
    reason = tuple(np.where(unexpected, UNEXPECTED_EDGE, markers.reason).tolist())
    index = pairing.received
    latency_ms = (photodiode.tick - marker) / received.tick_hz * 1000
    return Alignment(
        clock_segment=device.clock_segment,
        onset_tick=np.where(unexpected, np.nan, onset),
        source=source,
        reason=reason,
        code_tick=take_or(received.tick, index, np.nan),
        received_index=index,
        changed=(index != UNPAIRED) & (take_or(lists.value, index, 0) != lists.code),
        run=markers.run,
        late_ms=pairing.late_s * 1000,
        latency_ms=latency_ms,
        quality=describe(
            lists,
            pairing,
            markers,
            sent_code=sent.code,
            is_lit=sent.is_lit,
            is_uncertain=sent.is_uncertain,
            source=source,
            reason=reason,
            latency_ms=latency_ms,
            late_frame=photodiode.late_frame & seen,
            light_from=photodiode.seen_by,
        ),
    )


def missing_at_ends(sent: SentCodes, found: Alignment) -> tuple[str, ...]:
    """Say in a sentence each where a device's digital codes begin late or end early; a lone lost code is none.

    Codes that may be in no recording are not missed.

    Parameters
    ----------
    sent
        What the rig sent.
    found
        Of the device.
    """
    is_received = found.received_index != UNPAIRED
    (received,) = np.nonzero(is_received[is_received | ~sent.is_uncertain])
    n_sent = int(np.count_nonzero(is_received | ~sent.is_uncertain))
    if not len(received):
        return ()
    first, n_last = int(received[0]), n_sent - 1 - int(received[-1])
    return tuple(
        f"the {which} {n} of the rig's {n_sent} digital codes are not in the recording"
        for n, which in ((first, "first"), (n_last, "last"))
        if n > 1
    )


__all__ = ["NOT_PLACED", "UNEXPECTED_EDGE", "Alignment", "align", "align_devices", "missing_at_ends"]
