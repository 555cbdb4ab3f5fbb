"""What came over the digital lines of a source: words, then codes, on the clock of the stream that has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import RecordingError
from closedloop.neo_files.codes import codes_at_rest, codes_at_strobe
from closedloop.neo_files.lines import LineEvents, Words, ttl_folder, words_of_labels, words_of_samples, words_of_ttl
from closedloop.neo_files.samples import NeoSamples
from closedloop.neo_files.source import OPEN_EPHYS, SPIKE_GLX, NeoSource, open_neo
from closedloop.neo_files.streams import NeoStream, find_stream, listed
from closedloop.neo_files.timing import TimedPiece, Timing, file_of, ticks_per_sample, time_stream
from closedloop.neo_files.wiring import CodeWiring, LineWiring
from closedloop.recording.segments import Segment

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class NeoCodes:
    """Codes in order of clock segment, then tick; both are of `segments`, the periods of whatever stream has them.

    `clock_segment`, `tick` and `value` have shape (n,). `said` is what a reader of the report should know of them.
    """

    segments: tuple[Segment, ...]
    clock_segment: Integers
    tick: Integers
    value: Integers
    said: tuple[str, ...]


def codes_of(source: NeoSource, wiring: CodeWiring, clock: NeoStream | None, timing: Timing, tick_hz: int) -> NeoCodes:
    """Read the rig's codes.

    Parameters
    ----------
    source
        What neo opened.
    wiring
        Where they are.
    clock, timing
        The stream whose clock is the device's, and its pieces; None where there are spikes only.
    tick_hz
        Ticks per second.

    Raises
    ------
    RecordingError
        The channel or the lines are not there, or nothing came over them.
    """
    if wiring.stream is not None:
        samples = line_samples(source, wiring.stream, wiring.channels, tick_hz)
        segments = samples.segments
        words = list(words_of_samples(samples, _lines(wiring)))
        place = f"the stream {samples.stream.name}"
    else:
        segments = timing.segments
        words = list(_words_of_events(source, wiring, clock, timing, tick_hz))
        place = f"the events {wiring.events or ''}".strip()
    found = _codes(words, wiring, tick_hz)
    codes = NeoCodes(segments, found[0], found[1], found[2], found[3])
    if len(codes.value) == 0:
        lines = f" on lines {', '.join(map(str, wiring.lines))}" if wiring.lines else ""
        raise RecordingError(
            f"{source.path}: expected digital codes in {place}{lines}, found none{_hint(words)}. Correct `codes` in "
            "the recorder's description; `closedloop recording info` names what there is."
        )
    return codes


def line_samples(source: NeoSource, stream_name: str, channels: Sequence[str], tick_hz: int) -> NeoSamples:
    """Open the channels of a stream that hold digital lines, or light.

    Parameters
    ----------
    source
        What neo opened.
    stream_name, channels
        Which; the stream's only channel where no channel is named.
    tick_hz
        Ticks per second.

    Raises
    ------
    RecordingError
        They are not there.
    """
    stream = find_stream(source, stream_name)
    if not channels and len(stream.channels) > 1:
        raise RecordingError(
            f"{source.path}: expected the channel of the lines in the stream {stream.name}, found none named among "
            f"{listed(stream.names)}. Name it in the recorder's description."
        )
    columns = stream.columns_of(channels or ("*",))
    return NeoSamples(stream, columns, (), tick_hz, time_stream(stream, tick_hz).pieces)


def rising_edges(source: NeoSource, wiring: LineWiring, tick_hz: int) -> Iterator[tuple[int, Integers]]:
    """Find when a digital line went up, clock segment by clock segment.

    Parameters
    ----------
    source, wiring
        Which line of what.
    tick_hz
        Ticks per second.
    """
    if wiring.line is None:
        raise ValueError("an analog channel has no line")
    for words in words_of_samples(line_samples(source, wiring.stream, (wiring.channel,), tick_hz), (wiring.line,)):
        yield words.clock_segment, words.tick[1:][words.word[1:] == 1]


def _lines(wiring: CodeWiring) -> tuple[int, ...]:
    return (*wiring.lines, *(() if wiring.strobe is None else (wiring.strobe,)))


def _hint(words: Sequence[Words]) -> str:
    changes = sum(len(one.tick) - 1 for one in words)
    return f" ({changes} changes of the lines, none that lasts: is `settle_ms` too long?)" if changes else ""


def _codes(
    words: Sequence[Words], wiring: CodeWiring, tick_hz: int
) -> tuple[Integers, Integers, Integers, tuple[str, ...]]:
    settle_ticks = wiring.settle_ms / 1000 * tick_hz
    n_bits = len(wiring.lines) or len(wiring.channels)
    flip = (1 << n_bits) - 1 if wiring.inverted else 0
    parts, n_short = [], 0
    for one in words:
        seen = Words(one.clock_segment, one.end_tick, one.tick, one.word ^ flip)
        if wiring.strobe is not None:
            found = codes_at_strobe(seen, strobe_bit=n_bits, settle_ticks=settle_ticks)
        else:
            found = codes_at_rest(seen, settle_ticks=settle_ticks)
        parts.append((np.full(len(found.tick), one.clock_segment), found.tick, found.value))
        n_short += found.n_short
    columns = [np.concatenate([np.zeros(0, np.int64), *column]) for column in zip(*parts, strict=True)]
    said = (f"{n_short} words of the digital lines shorter than {wiring.settle_ms:g} ms are no codes",)
    return columns[0], columns[1], columns[2], said if n_short else ()


def _words_of_events(
    source: NeoSource, wiring: CodeWiring, clock: NeoStream | None, timing: Timing, tick_hz: int
) -> Iterator[Words]:
    """Yield the words of an event channel, neo segment by neo segment."""
    reader = open_neo(source)
    if source.format == SPIKE_GLX:
        raise RecordingError(
            f"{source.path}: expected the stream of the digital words (nidq, channel XD0), found `events`: neo gives "
            "SpikeGLX' lines for the first file alone. Name the stream in `codes` of the recorder's description."
        )
    for block, neo_segment in reader.neo_segments:
        pieces = [piece for piece in timing.pieces if (piece.block, piece.neo_segment) == (block, neo_segment)]
        if not pieces:
            continue
        if source.format == OPEN_EPHYS and clock is not None and wiring.lines:
            file = file_of(reader, clock, block, neo_segment)
            folder = ttl_folder(file.parents[2], wiring.events) if file else source.path
            _check_one_clock(source, folder.parent.name, file.parent.name if file else "")
            events = words_of_ttl(folder, _lines(wiring))
            step = float(ticks_per_sample(clock.rate_hz, tick_hz))
            yield from _on_pieces(events, np.rint(events.moment * step).astype(np.int64), pieces)
        else:
            channel = _event_channel(source, wiring.events)
            events = words_of_labels(reader, channel, (block, neo_segment), _lines(wiring))
            ticks = np.rint(events.moment * tick_hz).astype(np.int64)
            if wiring.lines:
                yield from _on_pieces(events, ticks, pieces)
            else:
                yield from _whole_codes(events, ticks, pieces, wiring, tick_hz)


def _whole_codes(
    events: LineEvents, ticks: Integers, pieces: Sequence[TimedPiece], wiring: CodeWiring, tick_hz: int
) -> Iterator[Words]:
    """Put a moment of nothing between codes, so that two equal ones that follow each other are two."""
    rest = int(np.ceil(wiring.settle_ms / 1000 * tick_hz))
    pairs = np.stack([ticks, ticks + rest], axis=1).ravel()
    word = np.stack([events.word, np.zeros_like(events.word)], axis=1).ravel()
    yield from _on_pieces(LineEvents(pairs, word, 0), pairs, pieces)


def _check_one_clock(source: NeoSource, events: str, voltage: str) -> None:
    if events != voltage:
        raise RecordingError(
            f"{source.path}: expected the TTL events of the voltage's own stream ({voltage}), found those of {events}, "
            "on another clock. Name a folder of events of that stream in `codes`."
        )


def _event_channel(source: NeoSource, name: str | None) -> int:
    names = [str(channel["name"]) for channel in open_neo(source).rawio.header["event_channels"]]
    exact = [index for index, own in enumerate(names) if own == name]
    begin = [index for index, own in enumerate(names) if name is None or own.lower().startswith(name.lower())]
    found = exact or begin
    if len(found) == 1:
        return found[0]
    raise RecordingError(
        f"{source.path}: expected one event channel{f' {name}' if name else ''}, found {len(found)} among "
        f"{listed(names)}. Name it by `codes: {{events: ...}}` in the recorder's description."
    )


def _on_pieces(events: LineEvents, ticks: Integers, pieces: Sequence[TimedPiece]) -> Iterator[Words]:
    """Divide the words of a neo segment among the clock segments that its pieces are on."""
    numbers = list(dict.fromkeys(piece.segment.clock_segment for piece in pieces))
    spans = {number: [piece.segment for piece in pieces if piece.segment.clock_segment == number] for number in numbers}
    own = _clock_segment_of(ticks, spans)
    word = events.first_word
    for number in numbers:
        mine = own == number
        first, end = spans[number][0].first_tick, spans[number][-1].end_tick
        tick = np.append(min(first, int(ticks[mine][0]) - 1) if mine.any() else first, ticks[mine])
        words = np.append(word, events.word[mine])
        yield Words(number, max(end, int(tick[-1]) + 1), tick, words)
        word = int(words[-1])


def _clock_segment_of(ticks: Integers, spans: dict[int, list[Segment]]) -> Integers:
    """Place events, in the order they came: where ticks step back, the clock was set back."""
    numbers = list(spans)
    if len(numbers) == 1 or not len(ticks):
        return np.full(len(ticks), numbers[0], np.int64)
    runs = np.split(np.arange(len(ticks)), np.flatnonzero(np.diff(ticks) < 0) + 1)
    own, next_one = np.zeros(len(ticks), np.int64), 0
    for run in runs:
        middle = int(ticks[run[len(run) // 2]])
        open_to = range(min(next_one, len(numbers) - 1), len(numbers))
        inside = [at for at in open_to if spans[numbers[at]][0].first_tick <= middle <= spans[numbers[at]][-1].end_tick]
        at = inside[0] if inside else open_to[0]
        own[run], next_one = numbers[at], at + 1
    return own
