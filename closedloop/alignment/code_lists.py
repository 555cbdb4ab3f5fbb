"""The lists that an alignment brings together: codes sent by the rig, codes received by the recorder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.code_matching import UNPAIRED
from closedloop.recording.codes import ReceivedCodes, SentCodes


@dataclass(frozen=True)
class CodeLists:
    """Both lists in the form in which they are compared.

    `code` (n_sent,) and `value` (n_received,) have the recorder's number of bits; `array_s` (n_received,) counts
    seconds from the first code of its clock segment (`origin_tick`, by clock segment), so that nanoseconds since 1970
    lose nothing. `is_rest` marks codes of zero between others: the lines went back. `is_echo` marks those that repeat
    the one before.
    """

    code: NDArray[np.int64]
    rig_s: NDArray[np.float64]
    launch: NDArray[np.int64]
    value: NDArray[np.int64]
    clock_segment: NDArray[np.int64]
    array_s: NDArray[np.float64]
    origin_tick: dict[int, int]
    is_rest: NDArray[np.bool_]
    is_echo: NDArray[np.bool_]
    tick_hz: float

    def ticks(self, clock_segment: int, array_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert seconds of a clock segment to ticks."""
        return self.origin_tick[clock_segment] + array_s * self.tick_hz

    def seconds(self, clock_segment: int, tick: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert ticks of a clock segment to its seconds."""
        return np.asarray((tick - self.origin_tick[clock_segment]) / self.tick_hz)


def code_lists(sent: SentCodes, received: ReceivedCodes, *, code_bits: int, echo_s: float) -> CodeLists:
    """Bring both lists into the form in which they are compared.

    Parameters
    ----------
    sent, received
        Digital codes of the rig, (n_sent,), and of the recorder, (n_received,).
    code_bits
        Bits of a code that are compared.
    echo_s
        Longest time in seconds after which a repeated code is an echo, if the rig itself never repeats one as soon.

    Raises
    ------
    ValueError
        Lists out of order, or arrays of different lengths.
    """
    _check_lists(sent, received)
    largest = (1 << code_bits) - 1
    code, value = np.asarray(sent.code, np.int64) & largest, np.asarray(received.value, np.int64) & largest
    clock_segment = np.asarray(received.clock_segment, np.int64)
    firsts = np.flatnonzero(np.diff(clock_segment, prepend=UNPAIRED) != 0)
    origin = {int(clock_segment[first]): int(received.tick[first]) for first in firsts}
    start = received.tick[firsts][np.searchsorted(firsts, np.arange(len(clock_segment)), side="right") - 1]
    array_s = (received.tick - start) / received.tick_hz
    is_rest = (value == 0) & (not (code == 0).any())
    repeats_s = _shortest_repeat_s(code, sent)
    return CodeLists(
        code=code,
        rig_s=np.asarray(sent.time_s, np.float64),
        launch=np.asarray(sent.launch_ids, np.int64),
        value=value,
        clock_segment=clock_segment,
        array_s=array_s,
        origin_tick=origin,
        is_rest=is_rest,
        is_echo=_echoes(value, array_s, clock_segment, ~is_rest, longest_s=min(echo_s, repeats_s / 2)),
        tick_hz=float(received.tick_hz),
    )


def _check_lists(sent: SentCodes, received: ReceivedCodes) -> None:
    within = np.diff(sent.launch_ids) == 0
    if len(sent.code) != len(sent.time_s) or (np.diff(sent.time_s)[within] < 0).any():
        raise ValueError("sent codes need one time each, not decreasing within a launch")
    if (np.diff(sent.launch_ids) < 0).any():
        raise ValueError("launches of the sent codes must not decrease")
    if len({len(received.tick), len(received.value), len(received.clock_segment)}) > 1:
        raise ValueError("received codes need one clock segment and one tick each")
    step = np.diff(np.asarray(received.clock_segment, np.int64))
    if (step < 0).any() or (np.diff(received.tick)[step == 0] < 0).any():
        raise ValueError("received codes must be in order of clock segment, then tick")


def _shortest_repeat_s(code: NDArray[np.int64], sent: SentCodes) -> float:
    """Shortest interval between neighbours of the sent list with the same code; infinite where there are none."""
    same = (np.diff(code) == 0) & (np.diff(sent.launch_ids) == 0)
    return float(np.diff(sent.time_s)[same].min(initial=np.inf))


def _echoes(
    value: NDArray[np.int64],
    array_s: NDArray[np.float64],
    clock_segment: NDArray[np.int64],
    heard: NDArray[np.bool_],
    *,
    longest_s: float,
) -> NDArray[np.bool_]:
    """Mark received codes that repeat the one before, sooner than the rig ever sends the same code twice in a row."""
    rows = np.flatnonzero(heard)
    same = (np.diff(value[rows], prepend=UNPAIRED) == 0) & (np.diff(clock_segment[rows], prepend=UNPAIRED) == 0)
    marked = np.zeros(len(value), bool)
    marked[rows] = same & (np.diff(array_s[rows], prepend=-np.inf) < longest_s)
    return marked
