"""`closedloop recording events`: every packet of a NEV file as a row of a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.commands.recording_tables import events_table
from closedloop.artifacts.foreign.arrow import CodedText, FewTexts
from closedloop.blackrock.nev.events import read_texts
from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.layout import DIGITAL_PACKET, RECORDING_PACKET
from closedloop.blackrock.nev.order import OrderedPackets
from closedloop.blackrock.nev.packets import (
    Packets,
    concatenate_packets,
    contents_bytes,
    is_analog,
    is_code,
    is_comment,
    is_serial,
    is_spike,
    packet_contents,
)
from closedloop.blackrock.nev.survey import NevSurvey, survey_nev
from closedloop.blackrock.nev.waveforms import spike_channels
from closedloop.commands.recording_files.contents import clock_segments_by
from closedloop.commands.recording_files.options import (
    ALL_CHANNELS,
    ALL_TIME,
    ALL_UNITS,
    ChannelChoice,
    TimeRange,
    UnitChoice,
)
from closedloop.commands.recording_files.outputs import TABLE_SUFFIXES, check_output, open_table
from closedloop.execution.progress import ProgressCallback
from closedloop.simulation.mark import SIMULATED_APPLICATION

# Analog packets are of 2.1 and 2.2 alone: the others' tables know no such kind.
_KINDS = ("other", "spike", "digital", "serial", "comment", "pause", "resume", "analog")
_OTHER, _SPIKE, _DIGITAL, _SERIAL, _COMMENT, _PAUSE, _RESUME, _ANALOG = range(len(_KINDS))
_GROUP_ROWS = 1 << 17
_CODE_BYTES, _ANALOG_BYTES = 2, 2  # of a digital packet's contents: its code, then an analog value an input


@dataclass(frozen=True)
class EventChoice:
    """Which packets are wanted: spikes or none, of which channels and units; all others; which part of the time."""

    spikes: bool = True
    channels: ChannelChoice = ALL_CHANNELS
    units: UnitChoice = ALL_UNITS
    time: TimeRange = ALL_TIME


@dataclass(frozen=True)
class WrittenEvents:
    """What was taken out of a file: rows by kind, what was left out by reason, what was repaired."""

    file: Path
    out: Path
    simulated: bool
    n_by_kind: dict[str, int]
    n_clock_segments: int
    left_out: dict[str, int]
    repairs: tuple[str, ...]


def events_to_table(
    file: Path,
    out: Path,
    *,
    nsx_file: Path | None,
    choice: EventChoice,
    progress: ProgressCallback,
) -> WrittenEvents:
    """Write a NEV's packets in order of clock segment and tick, in bounded memory.

    Parameters
    ----------
    file
        The .nev.
    out
        The table to write: .csv is text, .parquet is not.
    nsx_file
        The same processor's NSx file, whose clock segments are then used.
    choice
        Which packets.
    progress
        Called with (done, total) packets; the file is passed over twice.

    Raises
    ------
    RecordingError
        A file cannot be read, or has nothing of what is asked for.
    StorageError
        The table cannot be written.
    """
    check_output(out, TABLE_SUFFIXES)
    survey = survey_nev(file, clock_segments=clock_segments_by(nsx_file), progress=progress)
    wanted = _Wanted(survey, choice)
    n_analog = _n_analog(survey.header)
    kinds = _KINDS if n_analog else _KINDS[:_ANALOG]
    simulated = survey.header.application.startswith(SIMULATED_APPLICATION)
    n_by_kind, n_late = np.zeros(len(kinds), np.int64), 0
    attributes = {"file": file.name, "tick_hz": str(survey.header.tick_hz)}
    with open_table(out, events_table(n_analog), simulated=simulated, attributes=attributes) as write:
        for group in _groups(survey.in_order()):
            n_late += sum(ordered.n_out_of_order for ordered in group)
            parts = _by_clock_segment(group, wanted)
            columns = [_columns(survey, clock_segment, packets, n_analog) for clock_segment, packets in parts]
            rows = {name: _concatenate([part[name] for part in columns]) for name in columns[0]}
            n_by_kind += np.bincount(rows["kind"], minlength=len(kinds))
            index = np.concatenate([packets.index for _, packets in parts])
            texts = _texts(survey, index, rows["kind"] == _COMMENT)
            write(rows | {"kind": CodedText(rows["kind"], kinds), "text": texts})
    return WrittenEvents(
        file=file,
        out=out,
        simulated=simulated,
        n_by_kind=dict(zip(kinds, n_by_kind.tolist(), strict=True)),
        n_clock_segments=len({span.clock_segment for span in survey.plan.spans}),
        left_out={reason: n for reason, n in wanted.left_out.items() if n},
        repairs=survey.repairs(n_late),
    )


class _Wanted:
    """Takes the wanted packets and counts the others.

    Parameters
    ----------
    survey
        What the first pass found.
    choice
        Which are wanted.
    """

    def __init__(self, survey: NevSurvey, choice: EventChoice) -> None:
        known = spike_channels(survey.header)
        self._channel_is_wanted = np.full(1 << 16, not choice.channels.text)
        if choice.channels.text:
            places = choice.channels.places([(one.electrode_id, one.label) for one in known], file=survey.file)
            self._channel_is_wanted[[known[place].electrode_id for place in places]] = True
        self._unit_is_wanted = np.isin(np.arange(256), list(choice.units.units))
        self._spikes = choice.spikes
        self._ticks = None
        if not choice.time.is_all:
            self._ticks = choice.time.ticks(survey.segments, survey.header.tick_hz, file=survey.file)
        self.left_out: Counter[str] = Counter()

    def of(self, clock_segment: int, packets: Packets) -> Packets:
        """Return the wanted ones of some packets."""
        if self._ticks is not None:
            within = self._ticks.get(clock_segment, range(0))
            packets = self._take(
                packets, (packets.tick >= within.start) & (packets.tick < within.stop), "packets outside the time"
            )
        other = ~is_spike(packets)
        if not self._spikes:
            return packets.take(other)
        packets = self._take(packets, other | self._channel_is_wanted[packets.kind], "spikes on other channels")
        other = ~is_spike(packets)
        return self._take(packets, other | self._unit_is_wanted[packets.detail & 0xFF], "spikes of other units")

    def _take(self, packets: Packets, own: NDArray[np.bool_], reason: str) -> Packets:
        n_out = len(own) - int(np.count_nonzero(own))
        self.left_out[reason] += n_out
        return packets.take(own) if n_out else packets


def _n_analog(header: NevHeader) -> int:
    """Analog values of a digital packet: of 2.1 and 2.2, as far as packets have room for them."""
    return min(header.layout.n_analog_inputs, (contents_bytes(header) - _CODE_BYTES) // _ANALOG_BYTES)


def _concatenate(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Concatenate plain or masked arrays; a mask stays one."""
    values = np.concatenate([np.ma.getdata(part) for part in parts])
    if not any(np.ma.isMaskedArray(part) for part in parts):
        return values
    return np.ma.masked_array(values, np.concatenate([np.ma.getmaskarray(part) for part in parts]))


def _groups(batches: Iterator[OrderedPackets]) -> Iterator[list[OrderedPackets]]:
    """Gather batches up to a row group."""
    group: list[OrderedPackets] = []
    for ordered in batches:
        group.append(ordered)
        if sum(len(one.packets) for one in group) >= _GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group


def _by_clock_segment(group: Sequence[OrderedPackets], wanted: _Wanted) -> list[tuple[int, Packets]]:
    """Return the wanted packets of batches that follow one another, those of a clock segment together."""
    parts = []
    for clock_segment, batches in groupby(group, key=attrgetter("clock_segment")):
        packets = concatenate_packets(*(ordered.packets for ordered in batches))
        parts.append((clock_segment, wanted.of(clock_segment, packets)))
    return parts


def _columns(survey: NevSurvey, clock_segment: int, packets: Packets, n_analog: int) -> dict[str, NDArray[Any]]:
    kind = _kinds(survey, clock_segment, packets, has_analog=n_analog > 0)
    has_code = (kind == _DIGITAL) | (kind == _SERIAL)
    value = np.where(has_code, packets.value, packets.kind)
    unit = packets.detail.astype(np.uint8)
    columns: dict[str, NDArray[Any]] = {
        "kind": kind,
        "epoch": np.full(len(packets), clock_segment, np.uint16),
        "tick": packets.tick,
        "time_s": packets.tick / survey.header.tick_hz,
        "electrode_id": np.ma.masked_array(packets.kind, kind != _SPIKE),
        "unit": np.ma.masked_array(unit, kind != _SPIKE),
        "value": np.ma.masked_array(value, ~(has_code | (kind == _OTHER))),
    }
    return columns | (_analog_columns(survey, packets, n_analog) if n_analog else {})


def _analog_columns(survey: NevSurvey, packets: Packets, n_analog: int) -> dict[str, NDArray[Any]]:
    """Return why each digital packet was inserted, and the analog values that it carries."""
    other = packets.kind != DIGITAL_PACKET
    contents = packet_contents(survey.file, survey.header, packets.index[~other])
    stored = np.ascontiguousarray(contents[:, _CODE_BYTES : _CODE_BYTES + n_analog * _ANALOG_BYTES]).view("<i2")
    values = np.zeros((len(packets), n_analog), np.int16)
    values[~other] = stored
    columns: dict[str, NDArray[Any]] = {"reason": np.ma.masked_array(packets.detail.astype(np.uint8), other)}
    for number in range(1, n_analog + 1):
        columns[f"analog_{number}"] = np.ma.masked_array(values[:, number - 1], other)
    return columns


def _kinds(survey: NevSurvey, clock_segment: int, packets: Packets, *, has_analog: bool) -> NDArray[np.int8]:
    pauses = [pause for pause in survey.pauses if pause.clock_segment == clock_segment]
    is_event = packets.kind == RECORDING_PACKET
    conditions: list[tuple[NDArray[Any], int]] = [
        (is_spike(packets), _SPIKE),
        (is_code(packets), _DIGITAL),
        (is_serial(packets), _SERIAL),
        (is_comment(packets), _COMMENT),
        (is_event & np.isin(packets.tick, [pause.pause_tick for pause in pauses]), _PAUSE),
        (is_event & np.isin(packets.tick, [pause.resume_tick for pause in pauses]), _RESUME),
    ]
    if has_analog:
        conditions.append((is_analog(packets), _ANALOG))
    kind = np.full(len(packets), _OTHER, np.int8)
    for own, number in conditions:
        kind[own] = number
    return kind


def _texts(survey: NevSurvey, index: NDArray[np.int64], own: NDArray[np.bool_]) -> FewTexts:
    rows = np.flatnonzero(own)
    return FewTexts(len(own), rows, read_texts(survey.file, survey.header, index[rows]))


def event_lines(written: WrittenEvents) -> list[str]:
    """Return what a person needs to know, a line each."""
    counts = ", ".join(f"{kind} {n:,}" for kind, n in written.n_by_kind.items() if n)
    repairs = "; ".join(written.repairs) or "nothing had to be repaired"
    left_out = [f"  left out: {n:,} {reason}" for reason, n in written.left_out.items()]
    return [
        f"{written.out}: {counts or 'no packets'}; clock segments {written.n_clock_segments}",
        *left_out,
        f"{written.file}: {repairs}",
    ]


def events_as_json(written: WrittenEvents) -> str:
    """Return the same as JSON."""
    facts = {
        "file": str(written.file),
        "out": str(written.out),
        "simulated": written.simulated,
        "n_by_kind": written.n_by_kind,
        "n_epochs": written.n_clock_segments,
        "left_out": written.left_out,
        "repairs": list(written.repairs),
    }
    return json.dumps(facts, indent=2)
