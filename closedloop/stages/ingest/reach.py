"""Whether a recording goes on to the session's last digital code, seen from all that it received.

Read once, when nothing else is missing and nothing changes any more: a pass over each NEV, and the alignment that
ingest will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from closedloop.alignment.alignment import Alignment, align
from closedloop.alignment.run_search import AlignmentRules
from closedloop.artifacts.day.journal import Journal
from closedloop.blackrock.nev.header import read_nev_header
from closedloop.blackrock.nev.scan import NevScan, scan_packets
from closedloop.devices.ends import early_ends
from closedloop.devices.files import DeviceFiles
from closedloop.devices.part import RecordingPart, read_part
from closedloop.devices.succession import in_order_of_time, refuse_simultaneous
from closedloop.errors import AlignmentError, ClockRateError
from closedloop.recording.clock_limits import MOST_CLOCK_PPM
from closedloop.recording.codes import ReceivedCodes, SentCodes
from closedloop.stages.ingest.named_session import refuse_unsealed
from closedloop.stages.ingest.onsets import sent_codes

_LOST_AT_END = 3  # codes: a line that loses a hundredth of them loses so many in a row once in a million times
_APART_S = 1.0  # a recorder does not close all its files in the same moment
_SILENCE_INTERVALS = 60  # spikes by chance are silent for that many mean intervals once in 10^26 times


@dataclass(frozen=True)
class Reach:
    """How far a recording goes.

    Attributes
    ----------
    missing
        Why it does not cover the session, in a few words; empty where it does.
    doubt
        What is odd of one that does: files of one array that do not end together; empty where nothing is.
    """

    missing: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class _DeviceParts:
    """A processor's parts, and how its NEVs' packets came."""

    name: str
    parts: tuple[RecordingPart, ...]
    scans: tuple[NevScan, ...]

    @property
    def codes(self) -> ReceivedCodes:
        """What came over the parallel port, or the serial one where nothing came over the other."""
        events = [(part.first_clock_segment, part.events) for part in self.parts if part.events]
        parallel = any(len(found.codes.tick) for _, found in events)
        kinds = [(first, found.codes if parallel else found.serial) for first, found in events]
        none = np.zeros(0, np.int64)
        return ReceivedCodes(
            np.concatenate([none, *(first + kind.clock_segment.astype(np.int64) for first, kind in kinds)]),
            np.concatenate([none, *(kind.tick for _, kind in kinds)]),
            np.concatenate([none, *(kind.value for _, kind in kinds)]),
            float(self.tick_hz),
        )

    @property
    def tick_hz(self) -> int:
        """Ticks a second."""
        return next(part.header.tick_hz for part in self.parts if part.header)

    @property
    def seconds(self) -> float:
        """What its NEVs span, run by run of the clock, or its NSx where those know of more."""
        packets = sum(run.last_tick - run.first_tick for scan in self.scans for run in scan.runs)
        return max(packets / self.tick_hz, self.seconds_after(-1, 0))

    def seconds_after(self, clock_segment: int, tick: float) -> float:
        """Return how long was recorded after a moment, pauses included."""
        spans: dict[int, tuple[float, int]] = {}
        for part in self.parts:
            for segment in part.own_segments:
                number = part.first_clock_segment + segment.clock_segment
                first, _ = spans.get(number, (segment.first_tick, 0))
                spans[number] = first, segment.end_tick
        if clock_segment in spans:
            spans[clock_segment] = tick, spans[clock_segment][1]
        later = [float(stop) - first for number, (first, stop) in spans.items() if number >= clock_segment]
        return float(sum(later)) / self.tick_hz


def reach_of(
    devices: Sequence[DeviceFiles], journal: Journal, *, bridge_ms: float, progress: Callable[[int, int], None]
) -> Reach:
    """Compare a recording with the codes that the rig sent.

    Parameters
    ----------
    devices
        The recorder's files, by processor.
    journal
        What was shown.
    bridge_ms
        How long a hole in the samples may be that ends no segment, as ingest will read them.
    progress
        Called with (done, total) packets.

    Raises
    ------
    RecordingError
        A file cannot be read or names another session, or two recordings of a processor were made at the same time.
    """
    processors = [_read(device, bridge_ms, progress) for device in devices]
    for part in (part for own in processors for part in own.parts):
        if part.files.nev and part.events:
            refuse_unsealed(part.files.nev, part.events.comments.text, journal.launches[0].session_id)
    sent = sent_codes(journal)
    if not len(sent.code):
        return Reach(doubt=_doubt(processors))
    try:
        aligned = {own.name: _aligned(own, sent, journal) for own in processors}
    except ClockRateError as error:
        return Reach(str(error).rstrip("."))
    if all(found is None for found in aligned.values()) and any(len(own.codes.tick) for own in processors):
        return Reach(f"none of the session's digital codes is in {_names(processors)}: it may be of another one")
    for own in processors:
        alignment = aligned[own.name]
        missing = _too_short(own, sent) if alignment is None else _ends_early(own, alignment, sent)
        if missing:
            return Reach(missing)
    return Reach(doubt=_doubt(processors))


def _read(device: DeviceFiles, bridge_ms: float, progress: Callable[[int, int], None]) -> _DeviceParts:
    parts: list[RecordingPart] = []
    scans: list[NevScan] = []
    for recording in in_order_of_time(device.recordings):
        first = parts[-1].first_clock_segment + parts[-1].n_clock_segments if parts else 0
        parts.append(read_part(recording, first, bridge_ms=bridge_ms, spikes=False, progress=progress))
        if recording.nev:
            scans.append(scan_packets(recording.nev, read_nev_header(recording.nev)))
    refuse_simultaneous(device, parts)  # of two copies every code is there twice: no session's, it would seem
    return _DeviceParts(device.name, tuple(parts), tuple(scans))


def _names(processors: Sequence[_DeviceParts]) -> str:
    return " and ".join(own.name for own in processors)


def _aligned(own: _DeviceParts, sent: SentCodes, journal: Journal) -> Alignment | None:
    """Align a processor's codes; None where it received none of this session's.

    Raises
    ------
    ClockRateError
        It did, on a clock that is none.
    """
    codes = own.codes
    if not len(codes.tick):
        return None
    rules = AlignmentRules(frame_ms=1000 / journal.launches[0].refresh_hz)
    try:
        found = align(sent, codes, rules=rules, place=own.name)
    except ClockRateError:
        raise
    except AlignmentError:
        return None
    return found if np.any(found.received_index >= 0) else None


def _ends_early(own: _DeviceParts, found: Alignment, sent: SentCodes) -> str:
    """Compare when the last code was sent with the end of each file of the processor."""
    last = int(np.flatnonzero(found.received_index >= 0)[-1])
    clock_segment, tick = int(found.clock_segment[last]), float(found.code_tick[last])
    part = own.parts[-1]
    if clock_segment < part.first_clock_segment + part.n_clock_segments - 1:
        later_s = own.seconds_after(clock_segment, tick)
        lacks_s = _sent_after(sent, last) * (1 - MOST_CLOCK_PPM / 1e6) - later_s
        return f"{own.name} ends {lacks_s:.0f} s before the session's last presentation" if lacks_s >= 1 else ""
    end_s = tick / own.tick_hz + _sent_after(sent, last)
    for file, stop_s, room_s in _stops(own, n_lost=len(sent.code) - 1 - last):
        if end_s - stop_s > room_s:
            return f"{file.name} ends {max(end_s - stop_s, 1):.0f} s before the session's last presentation"
    return ""


def _sent_after(sent: SentCodes, last: int) -> float:
    """Return for how long the rig went on after a code, by its own clock; each launch has one of its own."""
    launches, own = sent.launch_ids, sent.launch_ids[last]
    rest = float(sent.time_s[launches == own][-1] - sent.time_s[last])
    return rest + sum(float(np.ptp(sent.time_s[launches == later])) for later in np.unique(launches[launches > own]))


def _stops(own: _DeviceParts, *, n_lost: int) -> Iterator[tuple[Path, float, float]]:
    """Yield each file of the last part that goes on to its last clock segment: where it ends, and what it may lack.

    A NEV ends with its last packet. Where no spikes come it is a code, and the very last ones may have been lost.
    """
    part, scan = own.parts[-1], own.scans[-1]
    if part.files.nev and scan.runs:
        run = scan.runs[-1]
        interval_s = (run.last_tick - run.first_tick) / own.tick_hz / max(run.n_packets - 1, 1)
        usual_s = _SILENCE_INTERVALS * interval_s if scan.n_spikes else np.inf
        yield part.files.nev, run.last_tick / own.tick_hz, usual_s if n_lost <= _LOST_AT_END else 0.0
    for samples in part.samples:
        if samples.segments[-1].clock_segment == samples.segments[0].clock_segment + part.n_clock_segments - 1:
            yield samples.file, samples.segments[-1].end_tick / own.tick_hz, 0.0


def _too_short(own: _DeviceParts, sent: SentCodes) -> str:
    """Compare how long a processor without codes recorded with how long the session lasted."""
    lacks_s = session_seconds(sent) * (1 - MOST_CLOCK_PPM / 1e6) - own.seconds
    return f"{own.name} is {lacks_s:.0f} s shorter than the session" if lacks_s >= 1 else ""


def session_seconds(sent: SentCodes) -> float:
    """Return the time from the first to the last code, over all launches of the rig."""
    launches = sent.launch_ids
    return float(sum(np.ptp(sent.time_s[launches == launch]) for launch in np.unique(launches)))


def _doubt(processors: Sequence[_DeviceParts]) -> str:
    return next((doubt for own in processors if (doubt := _apart(own))), "")


def _apart(own: _DeviceParts) -> str:
    """Compare where the files of a processor's last recording end."""
    return next((early.said for early in early_ends(own.parts[-1]) if early.before_s > _APART_S), "")
