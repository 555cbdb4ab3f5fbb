"""`closedloop recording events`: every packet of a NEV file as a row of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.recording_tables import RECORDING_EVENTS
from closedloop.artifacts.tables import CodedText, table_writer
from closedloop.blackrock.nev.events import read_texts
from closedloop.blackrock.nev.layout import RECORDING_PACKET
from closedloop.blackrock.nev.order import OrderedPackets
from closedloop.blackrock.nev.packets import Packets, is_code, is_comment, is_serial, is_spike
from closedloop.blackrock.nev.survey import NevSurvey, survey_nev
from closedloop.blackrock.nsx.header import read_nsx_header
from closedloop.execution.progress import ProgressCallback
from closedloop.simulation.processor import SIMULATED_APPLICATION

_KINDS = ("other", "spike", "digital", "serial", "comment", "pause", "resume")
_OTHER, _SPIKE, _DIGITAL, _SERIAL, _COMMENT, _PAUSE, _RESUME = range(len(_KINDS))
_GROUP_ROWS = 1 << 17


def events_to_table(
    file: Path, out: Path, *, nsx_file: Path | None, spikes: bool, progress: ProgressCallback
) -> list[str]:
    """Write a NEV's packets in order of clock segment and tick, in bounded memory; return the lines to print.

    Parameters
    ----------
    file
        The .nev.
    out
        The parquet table to write.
    nsx_file
        The same processor's NSx file, whose clock segments are then used.
    spikes
        Whether spikes are wanted.
    progress
        Called with (done, total) packets; the file is passed over twice.

    Raises
    ------
    RecordingError
        A file cannot be read.
    StorageError
        The table cannot be written.
    """
    clock_segments = read_nsx_header(nsx_file).segments if nsx_file else None
    survey = survey_nev(file, clock_segments=clock_segments, progress=progress)
    simulated = survey.header.application.startswith(SIMULATED_APPLICATION)
    n_by_kind, n_late = np.zeros(len(_KINDS), np.int64), 0
    attributes = {"file": file.name, "tick_hz": str(survey.header.tick_hz)}
    with table_writer(out, RECORDING_EVENTS, simulated=simulated, attributes=attributes) as write:
        for group in _groups(survey.in_order()):
            n_late += sum(ordered.n_out_of_order for ordered in group)
            parts = [_columns(survey, ordered, spikes=spikes) for ordered in group]
            rows = {name: _concatenate([part[name] for part in parts]) for name in parts[0]}
            n_by_kind += np.bincount(rows["kind"], minlength=len(_KINDS))
            write(rows | {"kind": CodedText(rows["kind"], _KINDS)})
    return _summary_lines(out, survey, n_by_kind, n_late)


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


def _columns(survey: NevSurvey, ordered: OrderedPackets, *, spikes: bool) -> dict[str, NDArray[Any]]:
    packets = ordered.packets if spikes else ordered.packets.take(~is_spike(ordered.packets))
    kind = _kinds(survey, ordered.clock_segment, packets)
    has_code = (kind == _DIGITAL) | (kind == _SERIAL)
    value = np.where(has_code, packets.value, packets.kind)
    unit = packets.detail.astype(np.uint8)
    return {
        "kind": kind,
        "epoch": np.full(len(packets), ordered.clock_segment, np.uint16),
        "tick": packets.tick,
        "time_s": packets.tick / survey.header.tick_hz,
        "electrode_id": np.ma.masked_array(packets.kind, kind != _SPIKE),
        "unit": np.ma.masked_array(unit, kind != _SPIKE),
        "value": np.ma.masked_array(value, ~(has_code | (kind == _OTHER))),
        "text": _texts(survey, packets, kind == _COMMENT),
    }


def _kinds(survey: NevSurvey, clock_segment: int, packets: Packets) -> NDArray[np.int8]:
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
    kind = np.full(len(packets), _OTHER, np.int8)
    for own, number in conditions:
        kind[own] = number
    return kind


def _texts(survey: NevSurvey, packets: Packets, own: NDArray[np.bool_]) -> NDArray[np.object_]:
    texts = np.full(len(packets), None, object)
    rows = np.flatnonzero(own)
    for row, text in zip(rows.tolist(), read_texts(survey.file, survey.header, packets.index[rows]), strict=True):
        texts[row] = text
    return texts


def _summary_lines(out: Path, survey: NevSurvey, n_by_kind: NDArray[np.int64], n_late: int) -> list[str]:
    counts = ", ".join(f"{kind} {n:,}" for kind, n in zip(_KINDS, n_by_kind.tolist(), strict=True) if n)
    n_clock_segments = len({span.clock_segment for span in survey.plan.spans})
    repairs = "; ".join(survey.repairs(n_late)) or "nothing had to be repaired"
    return [f"{out}: {counts or 'no packets'}; clock segments {n_clock_segments}", f"{survey.file}: {repairs}"]
