"""Spikes, digital codes, comments and pauses of a NEV file, by (clock segment, tick).

Own reading, whatever the file's health, for what neo loses or fails on: events a few ticks out of order (3.0: lost,
2.3: an error), electrode ids above 2048 (dropped), flag bit 0 not set (an error), pauses and resets (wrong or failing
segments), and 22 CPU-s and 2.2 GB for a file of 1 GB (measured). neo is the oracle in the tests where it is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.header import NevHeader, read_nev_header
from closedloop.blackrock.nev.order import OrderedPackets, PacketSorter, in_order_of_electrode
from closedloop.blackrock.nev.packets import (
    Packets,
    concatenate_packets,
    is_code,
    is_comment,
    is_noise,
    is_serial,
    is_spike,
    packet_bytes_at,
)
from closedloop.blackrock.nev.survey import NevSurvey, Pause, survey_nev
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment
from closedloop.recording.spikes import Spikes

# NEV 2.3 specification, comment packet: 0 is ANSI, 1 UTF-16; 255 are NeuroMotive's regions of interest, in ANSI.
_ENCODINGS = {1: "utf_16_le"}
_ANSI = "cp1252"
_MOST_COMMENTS, _MOST_CHARACTERS = 200_000, 50_000_000  # of a file: more than anybody types or a program sends


@dataclass(frozen=True)
class DigitalCodes:
    """16-bit digital codes of one port in order of clock segment and tick, shape (n,) each."""

    clock_segment: NDArray[np.uint16]
    tick: NDArray[np.int64]
    value: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tick)


@dataclass(frozen=True)
class Comments:
    """Comments in order of clock segment and tick, shape (n,) each."""

    clock_segment: NDArray[np.uint16]
    tick: NDArray[np.int64]
    text: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tick)


@dataclass(frozen=True)
class NevEvents:
    """Everything that happened, each kind in order of clock segment and tick.

    Attributes
    ----------
    tick_hz
        Ticks per second.
    spikes, spike_unit
        Spikes, then by electrode, and the unit of each as the recorder sorted it (0 is unsorted), shape (n_spikes,).
    codes, serial
        Digital codes of the parallel port and of the serial one.
    pauses
        Where recording was paused by the recorder's own events (from 3.0 on).
    segments
        Uninterrupted periods of recording, in order: the device's as given, or as the packets show them.
    n_out_of_order
        Packets that stood later in the file than their time and were sorted in.
    n_stray
        Packets with an absurd tick, set aside.
    n_noise
        Spikes that the recorder's sorting took for noise (unit 255); among `spikes` only where asked for.
    n_other
        Packets of kinds that are not read (video, tracking, buttons, logs, configuration, recording events, digital
        packets of neither port, stimulation channels).
    repairs
        What was wrong with the file and how it was read nevertheless, a sentence each.
    last
        Clock segment and tick of the last packet; None where there is none.
    """

    tick_hz: int
    spikes: Spikes
    spike_unit: NDArray[np.uint8]
    codes: DigitalCodes
    serial: DigitalCodes
    comments: Comments
    pauses: tuple[Pause, ...]
    segments: tuple[Segment, ...]
    n_out_of_order: int
    n_stray: int
    n_noise: int
    n_other: int
    repairs: tuple[str, ...]
    last: tuple[int, int] | None = None


def read_nev(
    file: Path,
    *,
    spikes: bool = True,
    noise: bool = False,
    clock_segments: Sequence[Segment] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NevEvents:
    """Read all events of a NEV file.

    Parameters
    ----------
    spikes
        Whether spikes are wanted; without them the rest is read as well, in little memory.
    noise
        Whether spikes of the noise unit (255: no spikes, by the recorder's sorting) are wanted too.
    clock_segments
        The segments of the same device's NSx file. Its clock segments are then the events' clock segments, also those
        that hold no packet, or that begin with a step back too small to be told from jitter.
    progress
        Called with (done, total) packets; the file is passed over twice where it is not of one clock segment.

    Raises
    ------
    RecordingError
        The file cannot be read: missing, foreign, its header corrupt, or its ticks make no sense.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from closedloop.blackrock import NevBatch, NevElectrode, read_nev, write_nev
    >>> start = datetime(2024, 5, 6, tzinfo=UTC)
    >>> spikes, codes = np.array([300, 900]), np.array([30, 600])
    >>> batch = NevBatch(
    ...     spike_tick=spikes, spike_electrode=np.array([1, 2]), code_tick=codes, code_value=np.array([17, 18])
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "day3.nev"
    ...     contacts = [NevElectrode(1, "elec1"), NevElectrode(2, "elec2")]
    ...     _ = write_nev(file, contacts, specification="2.3", batches=[batch], start=start)
    ...     events = read_nev(file)
    >>> events.spikes.on(2).tick.tolist(), events.codes.value.tolist(), events.tick_hz
    ([900], [17, 18], 30000)
    """
    header = read_nev_header(file)
    at_once = _CollectorAtOnce(_EventCollector(header.n_packets if spikes else 0, noise=noise), header.tick_hz)
    survey = survey_nev(file, clock_segments=clock_segments, watch=at_once.add, progress=progress)
    collected = at_once.finish(survey)
    if collected is None:
        collected = _EventCollector(sum(survey.scan.n_spikes.values()) if spikes else 0, noise=noise)
        for ordered in survey.in_order():
            collected.add(ordered)
    found, unit = collected.spikes()
    clock_segment, rest = collected.rest()
    codes, serial = _codes(rest, clock_segment, is_code(rest)), _codes(rest, clock_segment, is_serial(rest))
    comments = _comments(survey, rest, clock_segment)
    return NevEvents(
        tick_hz=survey.header.tick_hz,
        spikes=found,
        spike_unit=unit,
        codes=codes,
        serial=serial,
        comments=comments,
        pauses=survey.pauses,
        segments=survey.segments,
        n_out_of_order=collected.n_out_of_order,
        n_stray=len(survey.plan.strays),
        n_noise=collected.n_noise,
        n_other=len(rest) - len(codes) - len(serial) - len(comments),
        repairs=(*survey.repairs(collected.n_out_of_order), *report_noise(collected.n_noise, kept=noise)),
        last=collected.last,
    )


def report_noise(n_noise: int, *, kept: bool) -> tuple[str, ...]:
    """Say what became of spikes in the noise unit; nothing where there is none."""
    what = "were kept as wanted" if kept else "were left out"
    return (f"{n_noise} spikes in the noise unit (255) {what}",) if n_noise else ()


def _codes(rest: Packets, clock_segment: NDArray[np.uint16], own: NDArray[np.bool_]) -> DigitalCodes:
    return DigitalCodes(clock_segment[own], rest.tick[own], rest.value[own].astype(np.int64))


def _comments(survey: NevSurvey, rest: Packets, clock_segment: NDArray[np.uint16]) -> Comments:
    own = is_comment(rest)
    return Comments(clock_segment[own], rest.tick[own], read_texts(survey.file, survey.header, rest.index[own]))


def read_texts(file: Path, header: NevHeader, index: NDArray[np.int64]) -> tuple[str, ...]:
    """Read the texts of comment packets, by their index in the file.

    Parameters
    ----------
    file
        The NEV.
    header
        Its header.
    index
        Which packets, shape (n,).
    """
    dtype = header.layout.comment_packet(header.packet_bytes)
    if len(index) > _MOST_COMMENTS:
        raise RecordingError(
            f"{file}: expected at most {_MOST_COMMENTS} comments, found {len(index)}. The packets make no sense: copy "
            "the file again."
        )
    found: list[str] = []
    room = _MOST_CHARACTERS
    for raw in packet_bytes_at(file, header, index):
        row = np.frombuffer(raw, dtype)[0]
        found.append(comment_text(row["text"].tobytes(), int(row["charset"])))
        room -= len(found[-1])
        if room < 0:
            raise RecordingError(
                f"{file}: expected comments of at most {_MOST_CHARACTERS} characters in all, found more. The packets "
                "make no sense: copy the file again."
            )
    return tuple(found)


def comment_text(data: bytes, charset: int) -> str:
    """Decode a comment up to its first NUL character; what is no text becomes the replacement character."""
    encoding = _ENCODINGS.get(charset, _ANSI)
    whole = data[: len(data) // 2 * 2] if encoding == "utf_16_le" else data
    return whole.decode(encoding, errors="replace").split("\0", 1)[0].lstrip("\ufeff")


class _EventCollector:
    """Collects ordered packets; the spikes' memory is taken once.

    Parameters
    ----------
    n_spikes
        The most spikes to come; 0 leaves them out.
    noise
        Whether those of the noise unit are kept.
    """

    def __init__(self, n_spikes: int, *, noise: bool) -> None:
        self._n_spikes, self._noise = n_spikes, noise
        self._n = 0
        self._n_in: list[tuple[int, int]] = []  # clock segments, and spikes that followed one another there
        self._tick = np.empty(n_spikes, np.int64)
        self._electrode = np.empty(n_spikes, np.uint16)
        self._unit = np.empty(n_spikes, np.uint8)
        self._rest: list[tuple[int, Packets]] = []
        self.n_out_of_order = self.n_noise = 0
        self.last: tuple[int, int] | None = None

    def add(self, ordered: OrderedPackets) -> None:
        """Take the next packets."""
        self.last = (ordered.clock_segment, int(ordered.packets.tick[-1]))
        spikes = is_spike(ordered.packets)
        noise = spikes & is_noise(ordered.packets)
        n_noise = int(np.count_nonzero(noise))
        self.n_noise += n_noise
        if self._n_spikes:
            wanted = spikes if self._noise or not n_noise else spikes & ~noise
            self._add_spikes(ordered.clock_segment, ordered.packets, wanted)
        if not spikes.all():
            self._rest.append((ordered.clock_segment, ordered.packets.take(~spikes)))
        self.n_out_of_order += ordered.n_out_of_order

    def spikes(self) -> tuple[Spikes, NDArray[np.uint8]]:
        """Return the spikes, and the unit of each."""
        own = slice(self._n)
        segments, counts = np.array(self._n_in, np.int64).reshape(-1, 2).T
        return Spikes(np.repeat(segments.astype(np.uint16), counts), self._tick[own], self._electrode[own]), self._unit[
            own
        ]

    def put_in(self, clock_segment: int) -> None:
        """Put everything into another clock segment."""
        self._n_in = [(clock_segment, self._n)]
        self._rest = [(clock_segment, packets) for _, packets in self._rest]
        self.last = None if self.last is None else (clock_segment, self.last[1])

    def rest(self) -> tuple[NDArray[np.uint16], Packets]:
        """Return what is no spike: each packet's clock segment, and the packets."""
        clock_segments = [np.full(len(packets), clock_segment, np.uint16) for clock_segment, packets in self._rest]
        clock_segment = np.concatenate([np.zeros(0, np.uint16), *clock_segments])
        return clock_segment, concatenate_packets(*(packets for _, packets in self._rest))

    def _add_spikes(self, clock_segment: int, packets: Packets, own: NDArray[np.bool_]) -> None:
        tick, electrode, unit = packets.tick[own], packets.kind[own], packets.detail[own].astype(np.uint8)
        rows = slice(self._n, self._n + len(tick))
        self._n_in.append((clock_segment, len(tick)))
        self._tick[rows], self._electrode[rows], self._unit[rows] = in_order_of_electrode(tick, electrode, unit)
        self._n += len(tick)


class _CollectorAtOnce:
    """Collects packets while the file is passed over for the first time, as if all were of one clock segment.

    Most files are so, and need not be read again. As soon as packets reach back, nothing is collected any more.

    Parameters
    ----------
    collected
        What is filled.
    tick_hz
        Ticks per second.
    """

    def __init__(self, collected: _EventCollector, tick_hz: int) -> None:
        self._collected: _EventCollector | None = collected
        self._sorter = PacketSorter(0, tick_hz)

    def add(self, packets: Packets) -> None:
        """Take the next packets in the file's order."""
        if self._collected is None:
            return
        if self._sorter.reaches_back(packets):
            self._collected = None
            return
        for ordered in self._sorter.add(packets):
            self._collected.add(ordered)

    def finish(self, survey: NevSurvey) -> _EventCollector | None:
        """Return what was collected; None where the packets were not of one clock segment after all."""
        clock_segment = survey.only_clock_segment
        if self._collected is None or clock_segment is None:
            return None
        for ordered in self._sorter.finish():
            self._collected.add(ordered)
        self._collected.put_in(clock_segment)
        survey.counter.add(survey.header.n_packets)
        return self._collected
