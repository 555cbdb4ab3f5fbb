"""From the rig's journal to onsets in the array's clock.

1. The codes of each rig segment (the rig's clock may start anew when it is resumed) find their place in the recording
   by a vote over equal codes (`clock_search`), largest segment first.
2. Sent and received codes are paired by dynamic programming (`code_matching`).
3. A robust line relates the clocks (`clock`) and times the presentations whose code was lost.
4. The photodiode, where there is one, has the last word on the onset (`photodiode`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import AlignmentError
from closedloop.recording.alignment_quality import AlignmentQuality, describe
from closedloop.recording.clock import ClockFit
from closedloop.recording.code_matching import UNPAIRED, match_codes
from closedloop.recording.codes import ReceivedCodes, SentCodes, changed_codes, check_lists, take
from closedloop.recording.photodiode import assign_photodiode
from closedloop.recording.segments import (
    AlignmentRules,
    expected_s,
    find_echoes,
    place_segments,
    refit_segments,
)

NOT_PLACED = "the codes of its rig segment are not in the recording"


@dataclass(frozen=True)
class Alignment:
    """When everything sent happened on the array's clock.

    All arrays have shape (n_sent,). `onset_tick` is the light's rising edge (source "photodiode"); without one, the
    received code ("code") or, where the code was lost, the clock fit ("fit"), both moved by the median lag of the light
    if there is any; NaN ("none") where neither is known, with the reason. `code_tick` is NaN where the code was lost;
    `received_index` is then -1. `changed` marks codes that arrived with flipped bits. `fits` goes by rig segment.
    """

    onset_tick: NDArray[np.float64]
    source: NDArray[np.str_]
    reason: tuple[str, ...]
    code_tick: NDArray[np.float64]
    received_index: NDArray[np.int64]
    changed: NDArray[np.bool_]
    fits: dict[int, ClockFit]
    quality: AlignmentQuality


def align(
    sent: SentCodes,
    received: ReceivedCodes,
    *,
    photodiode_edge_tick: NDArray[np.float64] | None = None,
    rules: AlignmentRules | None = None,
    place: str = "recording",
) -> Alignment:
    """Find every sent code in the recording and the onset that goes with it.

    Parameters
    ----------
    sent, received
        Both lists of codes.
    photodiode_edge_tick
        Rising edges of the light, increasing ticks; None where no photodiode was recorded.
    rules
        What is accepted.
    place
        What an error message calls the recording.

    Raises
    ------
    AlignmentError
        Too few of the sent codes are in the recording: it belongs to another session.
    """
    rules = rules or AlignmentRules()
    check_lists(sent, received)
    is_echo = find_echoes(sent, received, rules.matching)
    fits = place_segments(sent, received, is_echo, rules)
    index = match_codes(
        sent.code,
        expected_s(sent, fits),
        received.value,
        received.time_s,
        is_echo=is_echo,
        rules=rules.matching,
    )
    _check_share(sent, received, index, rules, place)
    fits = refit_segments(sent, received, index, fits)
    marker, source = _markers(received, index, expected_s(sent, fits))
    light = _light(marker, sent, received, photodiode_edge_tick, rules)
    lag_ms = (light - marker)[(source == "code") & ~np.isnan(light)] / received.tick_hz * 1000
    usual_lag = float(np.median(lag_ms)) * received.tick_hz / 1000 if len(lag_ms) else 0.0
    seen = ~np.isnan(light)
    return Alignment(
        onset_tick=np.where(seen, light, marker + usual_lag * sent.is_lit),
        source=np.where(seen, "photodiode", source),
        reason=tuple(np.where(source == "none", NOT_PLACED, "").tolist()),
        code_tick=np.where(index == UNPAIRED, np.nan, take(received.tick, index)),
        received_index=index,
        changed=changed_codes(sent, received, index),
        fits=fits,
        quality=describe(sent, received, index, fits, lag_ms=lag_ms, light=light, marker=marker),
    )


def _check_share(
    sent: SentCodes, received: ReceivedCodes, index: NDArray[np.int64], rules: AlignmentRules, place: str
) -> None:
    n_equal = int(np.count_nonzero((index != UNPAIRED) & ~changed_codes(sent, received, index)))
    if n_equal == 0 or n_equal < rules.smallest_share * len(sent.code):
        raise AlignmentError(
            f"{place}: expected at least {rules.smallest_share:.0%} of the journal's {len(sent.code)} codes, found "
            f"{n_equal} of them among {len(received.tick)} received. The recording belongs to another session: "
            "give the one that was made with this journal."
        )


def _markers(
    received: ReceivedCodes, index: NDArray[np.int64], expected: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """When the code came or, where it was lost, should have come, in ticks, and which of the two."""
    lost = index == UNPAIRED
    marker = np.where(lost, expected * received.tick_hz, take(received.tick, index))
    return marker, np.select([~lost, ~np.isnan(marker)], ["code", "fit"], "none")


def _light(
    marker: NDArray[np.float64],
    sent: SentCodes,
    received: ReceivedCodes,
    edges: NDArray[np.float64] | None,
    rules: AlignmentRules,
) -> NDArray[np.float64]:
    if edges is None:
        return np.full(len(marker), np.nan)
    expected = np.where(sent.is_lit, marker, np.nan)
    return assign_photodiode(expected, edges, tick_hz=received.tick_hz, window_ms=rules.photodiode_window_ms)
