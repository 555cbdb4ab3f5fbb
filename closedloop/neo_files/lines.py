"""Digital lines as words: what they said from when on, as bits of a code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import RecordingError
from closedloop.neo_files.sample_numbers import read_npy
from closedloop.neo_files.samples import NeoSamples
from closedloop.neo_files.source import NeoReader, refusing
from closedloop.neo_files.streams import listed

Integers = NDArray[np.int64]

_CHUNK = 1 << 18
_NUMBERS = ("sample_numbers.npy", "timestamps.npy")
_STATES = ("states.npy", "channel_states.npy")
_HEX = re.compile(r"0x([0-9a-fA-F]+)")
_WHOLE = re.compile(r"[+-]?\d+(?:\.0*)?")


@dataclass(frozen=True)
class Words:
    """Words one after the other in an uninterrupted period, each from its tick up to the next one's.

    `tick` and `word` have shape (n,); the first word is what the lines said before anything was seen to change.
    """

    clock_segment: int
    end_tick: int
    tick: Integers
    word: Integers


def words_of_samples(samples: NeoSamples, lines: Sequence[int]) -> Iterator[Words]:
    """Follow digital lines through a stream, in bounded memory.

    Parameters
    ----------
    samples
        One channel of words, of which `lines` are bits; or a channel for each bit of the result, up where not zero.
    lines
        Bits of the words, bit 0 of the result first.
    """
    for number, segment in enumerate(samples.segments):
        ticks, words, last = [], [], None
        for start in range(0, segment.n_samples, _CHUNK):
            stored = samples.read_stored(number, start, min(start + _CHUNK, segment.n_samples))
            word = _bits_of_words(stored[:, 0], lines) if samples.n_channels == 1 and lines else _bits(stored != 0)
            before = word[0] - 1 if last is None else last  # the first word of all is always there
            changed = np.flatnonzero(np.diff(word, prepend=before))
            ticks.append(samples.ticks(number, start + changed))
            words.append(word[changed])
            last = word[-1]
        yield Words(segment.clock_segment, segment.end_tick, np.concatenate(ticks), np.concatenate(words))


def _bits_of_words(words: NDArray[Any], lines: Sequence[int]) -> Integers:
    stored = words.astype(np.int64)
    bits = [(stored >> line & 1) << bit for bit, line in enumerate(lines)]
    return np.asarray(np.bitwise_or.reduce(bits), np.int64)


def _bits(up: NDArray[np.bool_]) -> Integers:
    return np.asarray(up.astype(np.int64) @ (1 << np.arange(up.shape[1])), np.int64)


@dataclass(frozen=True)
class LineEvents:
    """Words of an event channel in one of neo's segments, by the number of the sample or the second they came at.

    `moment` is whole numbers of samples or seconds in floats, shape (n,).
    """

    moment: NDArray[np.int64] | NDArray[np.float64]
    word: Integers
    first_word: int


def ttl_folder(recording: Path, name: str | None) -> Path:
    """Find the folder of Open Ephys' TTL events by the beginning of its name inside of `events`.

    Raises
    ------
    RecordingError
        There is none, or several fit.
    """
    states = (file for name_of in _STATES for file in (recording / "events").rglob(name_of))
    folders = {file.parent.relative_to(recording / "events").as_posix(): file.parent for file in sorted(states)}
    found = [folder for own, folder in folders.items() if name is None or own.lower().startswith(name.lower())]
    if len(found) != 1:
        raise RecordingError(
            f"{recording / 'events'}: expected one folder of TTL events{f' {name}' if name else ''}, found "
            f"{len(found)} among {listed(list(folders))}. Name it by `codes: {{events: ...}}` in the recorder's "
            "description."
        )
    return found[0]


def words_of_ttl(folder: Path, lines: Sequence[int]) -> LineEvents:
    """Follow lines through Open Ephys' TTL events: each says that a line, counted from 1, went up or down.

    neo gives only the lines that went up, in seconds of another clock; the sample numbers are on the recorder's own.

    Parameters
    ----------
    folder
        Of the events.
    lines
        Which lines, bit 0 of the result first.

    Raises
    ------
    RecordingError
        The files are damaged.
    """
    numbers, states = (next((f for n in names if (f := read_npy(folder / n))), None) for names in (_NUMBERS, _STATES))
    if numbers is None or states is None or numbers.n != states.n or not np.issubdtype(numbers.dtype, np.integer):
        raise RecordingError(
            f"{folder}: expected as many sample numbers as states of lines, found "
            f"{numbers.n if numbers else 'no'} and {states.n if states else 'no'}. Restore the files from a copy."
        )
    tick = numbers.read(0, numbers.n).astype(np.int64)
    state = states.read(0, states.n).astype(np.int64)
    word, first_word = np.zeros(len(state), np.int64), 0
    for bit, line in enumerate(lines):
        own = np.flatnonzero(np.abs(state) == line)
        up = (state[own] > 0).astype(np.int64)
        level = np.zeros(len(state), np.int64)
        before = 1 - int(up[0]) if len(up) else 0  # a line that is seen to fall was up
        level[own] = np.diff(up, prepend=before)
        word |= (before + np.cumsum(level)) << bit
        first_word |= before << bit
    mine = np.isin(np.abs(state), lines)
    return _last_of_each(tick[mine], word[mine], first_word)


def words_of_labels(reader: NeoReader, channel: int, neo_segment: tuple[int, int], lines: Sequence[int]) -> LineEvents:
    """Take the labels of an event channel for numbers: codes, or words of lines.

    Parameters
    ----------
    reader
        neo's.
    channel
        Its index of the event channel.
    neo_segment
        Its block and segment.
    lines
        Bits of the labels, bit 0 of the result first; all of a label where there are none.
    """
    with refusing(reader.source):
        stamps, _, labels = reader.rawio.get_event_timestamps(*neo_segment, channel, None, None)
        seconds = reader.rawio.rescale_event_timestamp(np.asarray(stamps), "float64", channel)
    values = [_number(str(label)) for label in labels]
    known = [place for place, value in enumerate(values) if value is not None]
    value = np.array([values[place] for place in known], np.int64)
    word = _bits_of_words(value, lines) if lines and len(value) else value
    return LineEvents(np.asarray(seconds, np.float64)[known], word, 0)


def _number(label: str) -> int | None:
    found = _HEX.search(label)
    if found:
        return int(found.group(1), 16)
    return int(float(label)) if _WHOLE.fullmatch(label.strip()) else None


def _last_of_each(tick: Integers, word: Integers, first_word: int) -> LineEvents:
    """Keep the last word of those at one tick: lines that change together are several events."""
    last = np.append(np.diff(tick) != 0, True) if len(tick) else np.zeros(0, bool)
    return LineEvents(tick[last], word[last], first_word)
