"""`closedloop recording codes`: digital codes by bit, every rising and falling edge of the 16-bit port a row."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.artifacts.commands.recording_tables import DIGITAL_EDGES
from closedloop.artifacts.foreign.arrow import CodedText
from closedloop.blackrock.header_fields import text
from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.layout import DIGITAL_LABEL_HEADER, PARALLEL_REASON
from closedloop.blackrock.nev.packets import Packets, concatenate_packets, is_code, is_serial
from closedloop.blackrock.nev.survey import survey_nev
from closedloop.commands.recording_files.contents import clock_segments_by
from closedloop.commands.recording_files.options import TimeRange
from closedloop.commands.recording_files.outputs import TABLE_SUFFIXES, check_output, open_table
from closedloop.execution.progress import ProgressCallback
from closedloop.recording.port_edges import N_BITS, port_edges
from closedloop.recording.segments import Segment
from closedloop.simulation.mark import SIMULATED_APPLICATION

_PORTS, _EDGES = ("parallel", "serial"), ("falling", "rising")
_PARALLEL, _SERIAL = range(2)
_GROUP_ROWS = 1 << 16


@dataclass
class EdgeTally:
    """What a file's ports did.

    Attributes
    ----------
    n_falling, n_rising
        Edges of each bit, shape (16,).
    n_codes, n_serial
        Codes of the parallel port, and of the serial one.
    n_same
        Parallel codes that repeat the one before: no line changed.
    n_uncertain
        Edges against a state that was not recorded.
    """

    n_falling: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_BITS, np.int64))
    n_rising: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_BITS, np.int64))
    n_codes: int = 0
    n_serial: int = 0
    n_same: int = 0
    n_uncertain: int = 0


@dataclass(frozen=True)
class WrittenEdges:
    """What was taken out of a file: the table, the counts, the ports as the header names them, what was repaired."""

    file: Path
    out: Path
    simulated: bool
    tally: EdgeTally
    ports: tuple[tuple[str, str], ...]
    repairs: tuple[str, ...]


def codes_to_table(
    file: Path, out: Path, *, time: TimeRange, nsx_file: Path | None, progress: ProgressCallback
) -> WrittenEdges:
    """Write a row for every line that changed, and for every serial code, in bounded memory.

    Before the first code of a clock segment the lines are taken for low; after a pause, for what they were before it.
    Such edges are marked as not certain.

    Parameters
    ----------
    file
        The .nev.
    out
        .parquet or .csv.
    time
        Which part is wanted; the state before it is known from the codes before it.
    nsx_file
        The same processor's NSx file, whose clock segments are then used.
    progress
        Called with (done, total) packets; the file is passed over twice.

    Raises
    ------
    RecordingError
        A file cannot be read.
    StorageError
        The table cannot be written.
    """
    check_output(out, TABLE_SUFFIXES)
    survey = survey_nev(file, clock_segments=clock_segments_by(nsx_file), progress=progress)
    header = survey.header
    ticks = time.ticks(survey.segments, header.tick_hz, file=file)
    simulated = header.application.startswith(SIMULATED_APPLICATION)
    attributes = {
        "file": file.name,
        "tick_hz": str(header.tick_hz),
        "time": time.text or "all",
        "code_version": __version__,
    }
    tally, n_late = EdgeTally(), 0
    port = _Port(survey.segments)
    with open_table(out, DIGITAL_EDGES, simulated=simulated, attributes=attributes) as write:
        held: list[dict[str, NDArray[Any]]] = []
        for part in survey.in_order():
            n_late += part.n_out_of_order
            digital = part.packets.take(is_code(part.packets) | is_serial(part.packets))
            held.append(port.rows(part.clock_segment, digital, ticks.get(part.clock_segment, range(0)), tally))
            if sum(len(rows["tick"]) for rows in held) >= _GROUP_ROWS:
                write(_columns(held, header.tick_hz))
                held = []
        if held:
            write(_columns(held, header.tick_hz))
    return WrittenEdges(file, out, simulated, tally, _port_names(header), survey.repairs(n_late))


class _Port:
    """Follows the parallel port from code to code.

    Parameters
    ----------
    segments
        Uninterrupted segments of the recording.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self._clock_segment = -1
        self._first_ticks: list[int] = []
        self._value = 0
        self._recorded_in = -1  # the segment of the last code; none in this clock segment

    def rows(self, clock_segment: int, packets: Packets, within: range, tally: EdgeTally) -> dict[str, NDArray[Any]]:
        """Return the next rows, and count them.

        Parameters
        ----------
        clock_segment
            Of the packets.
        packets
            Digital ones, in order of tick.
        within
            Ticks of the rows that are wanted.
        tally
            Counts are added to it.
        """
        if clock_segment != self._clock_segment:
            own = [one.first_tick for one in self._segments if one.clock_segment == clock_segment]
            self._clock_segment, self._first_ticks = clock_segment, sorted(own)
            self._value, self._recorded_in = 0, -1
        codes, serial = packets.take(is_code(packets)), packets.take(is_serial(packets))
        edges = port_edges(codes.value, self._value)
        certain = self._certain(codes)
        if len(codes):
            self._value = int(codes.value[-1])
        code_wanted = (codes.tick >= within.start) & (codes.tick < within.stop)
        serial = serial.take((serial.tick >= within.start) & (serial.tick < within.stop))
        wanted = code_wanted[edges.row]
        row, bit, rising = edges.row[wanted], edges.bit[wanted], edges.is_rising[wanted]
        tally.n_rising += np.bincount(bit[rising], minlength=N_BITS)
        tally.n_falling += np.bincount(bit[~rising], minlength=N_BITS)
        tally.n_codes += int(code_wanted.sum())
        tally.n_serial += len(serial)
        tally.n_same += int(code_wanted.sum()) - len(np.unique(row))
        tally.n_uncertain += int(np.count_nonzero(~certain[row]))
        both = concatenate_packets(codes.take(row), serial)
        order = np.argsort(both.tick, kind="stable")
        is_serial_row = np.arange(len(both)) >= len(row)
        nothing = np.zeros(len(serial), np.uint8)
        return {
            "epoch": np.full(len(both), clock_segment, np.uint16),
            "tick": both.tick[order],
            "is_serial": is_serial_row[order],
            "bit": np.concatenate([bit, nothing])[order],
            "is_rising": np.concatenate([rising.astype(np.int8), nothing.astype(np.int8)])[order],
            "value": both.value[order],
            "certain": np.concatenate([certain[row], np.ones(len(serial), np.bool_)])[order],
        }

    def _certain(self, codes: Packets) -> NDArray[np.bool_]:
        """Return whether the code before each was recorded in the same uninterrupted segment."""
        segment = np.array([bisect_right(self._first_ticks, tick) for tick in codes.tick.tolist()], np.int64)
        before = np.concatenate([[self._recorded_in], segment[:-1]]) if len(segment) else segment
        if len(segment):
            self._recorded_in = int(segment[-1])
        return np.asarray(before == segment)


def _columns(parts: Sequence[dict[str, NDArray[Any]]], tick_hz: int) -> dict[str, Any]:
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    serial = rows["is_serial"]
    return {
        "epoch": rows["epoch"],
        "tick": rows["tick"],
        "time_s": rows["tick"] / tick_hz,
        "port": CodedText(serial.astype(np.int8), _PORTS),
        "bit": np.ma.masked_array(rows["bit"], serial),
        "edge": CodedText(np.ma.masked_array(rows["is_rising"], serial), _EDGES),
        "value": rows["value"],
        "certain": rows["certain"],
    }


def _port_names(header: NevHeader) -> tuple[tuple[str, str], ...]:
    """Return the label of each digital input that the header describes, and which port it is (DIGLABEL)."""
    rows = [
        np.frombuffer(tag.encode().ljust(8, b"\0") + payload, DIGITAL_LABEL_HEADER)[0]
        for tag, payload in header.extended
        if tag == "DIGLABEL"
    ]
    return tuple(
        (text(row["label"]), _PORTS[_PARALLEL if int(row["mode"]) == PARALLEL_REASON else _SERIAL]) for row in rows
    )


def code_lines(written: WrittenEdges) -> list[str]:
    """Return what a person needs to know, a line each."""
    tally = written.tally
    lines = [
        f"{written.out}: {tally.n_codes:,} codes of the parallel port, {int(tally.n_rising.sum()):,} rising and "
        f"{int(tally.n_falling.sum()):,} falling edges; {tally.n_serial:,} codes of the serial port"
    ]
    lines += [f"  the header names {label!r}: the {port} port" for label, port in written.ports if label]
    lines += [
        f"  bit {bit}: {int(up):,} rising, {int(down):,} falling"
        for bit, (up, down) in enumerate(zip(tally.n_rising, tally.n_falling, strict=True))
        if up or down
    ]
    if tally.n_same:
        lines.append(f"  {tally.n_same:,} codes repeat the one before: no edge")
    if tally.n_uncertain:
        lines.append(
            f"  {tally.n_uncertain:,} edges are not certain: first of a clock segment, or the port may have changed in "
            "a pause (column certain)"
        )
    return lines + [f"  repaired: {sentence}" for sentence in written.repairs]


def codes_as_json(written: WrittenEdges) -> str:
    """Return the same as JSON."""
    tally = written.tally
    facts = {
        "file": str(written.file),
        "out": str(written.out),
        "simulated": written.simulated,
        "n_codes": tally.n_codes,
        "n_serial": tally.n_serial,
        "n_repeated": tally.n_same,
        "n_uncertain": tally.n_uncertain,
        "bits": [
            {"bit": bit, "n_rising": int(up), "n_falling": int(down)}
            for bit, (up, down) in enumerate(zip(tally.n_rising, tally.n_falling, strict=True))
        ],
        "ports": [{"label": label, "port": port} for label, port in written.ports],
        "repairs": list(written.repairs),
    }
    return json.dumps(facts, indent=2)
