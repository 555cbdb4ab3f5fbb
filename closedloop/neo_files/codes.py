"""Digital codes out of words: taken at a strobe, or when the lines have come to rest.

Lines that are set one after the other pass through words that nobody sent. Such a word lasts shorter than `settle`,
and is no code; the code that follows is timed by the first line that moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.neo_files.lines import Words

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class FoundCodes:
    """Codes of one uninterrupted period, and how many words were too short to be one."""

    tick: Integers
    value: Integers
    n_short: int


def codes_at_rest(words: Words, *, settle_ticks: float) -> FoundCodes:
    """Take every word, but 0, that lasts long enough and differs from the one before.

    Parameters
    ----------
    words
        In order. The first one was there before anything changed, and is no code.
    settle_ticks
        How long a word lasts at least.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.neo_files.codes import codes_at_rest
    >>> from closedloop.neo_files.lines import Words
    >>> seen = Words(0, 1_000, np.array([0, 100, 101, 400]), np.array([0, 1, 5, 0]))  # bit by bit to 5, and back
    >>> codes_at_rest(seen, settle_ticks=2)
    FoundCodes(tick=array([100]), value=array([5]), n_short=1)
    """
    duration = np.diff(words.tick, append=words.end_tick)
    resting = duration >= settle_ticks
    resting[:1] = True
    place = np.flatnonzero(resting)
    before = np.append(-1, place[:-1])
    value = words.word[place]
    is_code = (value != 0) & (np.diff(value, prepend=value[:1]) != 0)
    moved = words.tick[before[is_code] + 1]  # the first line that moved since the word before
    return FoundCodes(moved, value[is_code], int(np.sum(~resting)))


def codes_at_strobe(words: Words, *, strobe_bit: int, settle_ticks: float) -> FoundCodes:
    """Take the other lines' word at each rising edge of the strobe, when it has come to rest.

    Parameters
    ----------
    words
        In order, the strobe among their bits.
    strobe_bit
        The strobe's bit; those below are the code's.
    settle_ticks
        How long after the edge the lines are read; a shorter strobe is none.
    """
    up = (words.word >> strobe_bit & 1).astype(bool)
    rising = np.flatnonzero(np.diff(up.astype(np.int8), prepend=np.int8(1 if len(up) == 0 else up[0])) > 0)
    falling = np.append(np.flatnonzero(np.diff(up.astype(np.int8)) < 0) + 1, len(up))
    ends = np.append(words.tick, words.end_tick)[falling[np.searchsorted(falling, rising, side="right")]]
    lasting = ends - words.tick[rising] >= settle_ticks
    edge = words.tick[rising[lasting]]
    read_at = np.searchsorted(words.tick, edge + max(settle_ticks - 1, 0), side="right") - 1
    value = words.word[read_at] & ((1 << strobe_bit) - 1)
    return FoundCodes(edge, value, int(np.sum(~lasting)))
