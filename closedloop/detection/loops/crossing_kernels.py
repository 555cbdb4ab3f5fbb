"""Judge what was found: which samples are crossings, and which crossings stand apart; compiled by numba."""
# ruff: noqa: PLR0917 - numba wants arguments by position

from __future__ import annotations

from typing import Any

from numba import njit

from closedloop.detection.loops.tiles import LANES


@njit
def order_of_crossings(
    found: Any,
    n_found: Any,
    kept: Any,
    first_kept: Any,
    threshold: Any,
    is_under: Any,
    bridged: Any,
    n_rows: int,
    rank: Any,
    order: Any,
) -> int:
    """Find samples under the threshold that follow one which is not; give how many there are.

    Parameters
    ----------
    found, n_found
        `search.UNDER`, (n_tiles, LANES, n): by increasing row, of each channel all samples under the threshold among
        them, and how many of each channel.
    kept, first_kept
        The same of channels whose own stand apart, one channel's after the other's, (n_kept,); where a channel's begin
        there, (n_channels + 1,). Those without any are in `found`.
    threshold
        Of each channel, (n_channels,).
    is_under
        Whether the sample before row 0 was under its own threshold, bool, (n_channels,); then the same of the last row.
    bridged
        Rows that were not recorded, increasing: no crossings, and those on either side of them are neighbours.
    n_rows
        Of the piece.
    rank
        Place of each channel among those of one row, (n_channels,).
    order
        int64, as many as there are samples: filled with each crossing's row * n_channels + rank.
    """
    n_ordered, n_channels = 0, len(threshold)
    for channel in range(n_channels):
        last = -1 if is_under[channel] else -2
        n_before = 0
        under, first, end = found[channel // LANES, channel % LANES], 0, n_found[channel]
        if first_kept[channel + 1] > first_kept[channel]:
            under, first, end = kept, first_kept[channel], first_kept[channel + 1]
        for place in range(first, end):
            row = under[place]["row"]
            while n_before < len(bridged) and bridged[n_before] < row:
                n_before += 1
            if n_before < len(bridged) and bridged[n_before] == row:
                continue
            if under[place]["value"] < threshold[channel]:
                if row - n_before != last + 1:
                    order[n_ordered] = row * n_channels + rank[channel]
                    n_ordered += 1
                last = row - n_before
        is_under[channel] = last == n_rows - len(bridged) - 1
    return n_ordered


@njit
def keep_late_enough(sample: Any, electrode: Any, last_kept: Any, apart: int, kept: Any) -> None:
    """Mark every spike at least `apart` samples after the last one kept on its electrode; `last_kept` is carried on.

    Parameters
    ----------
    sample, electrode
        Crossings in order, (n,) each.
    last_kept
        Sample of the last one kept, by electrode, (65536,); carried on.
    apart
        Least distance in samples.
    kept
        bool, (n,); filled.
    """
    for place in range(len(sample)):
        kept[place] = sample[place] - last_kept[electrode[place]] >= apart
        if kept[place]:
            last_kept[electrode[place]] = sample[place]
