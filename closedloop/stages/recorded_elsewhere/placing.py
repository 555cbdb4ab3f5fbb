"""When each image of another program's table came, on the clock of every device that recorded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.alignment import Alignment, align_devices
from closedloop.alignment.photodiode import find_onsets
from closedloop.alignment.run_search import AlignmentRules
from closedloop.devices.device import Device
from closedloop.errors import AlignmentError
from closedloop.plain_text.presentation_tables import PresentationTable, ShownRow
from closedloop.recording.codes import Edges, SentCodes
from closedloop.recording.lookup import take_or
from closedloop.recording.segments import clock_segments_of

_LIGHT_WINDOW_MS = (-5.0, 50.0)  # a table's onset may be the light's own, to a rounding
_UNSENT = -1  # code of a presentation that sent none


@dataclass(frozen=True)
class PlacedImages:
    """When each presentation came on one device, (n_presentations,) each.

    Attributes
    ----------
    clock_segment, tick
        NaN in `tick` where that is unknown.
    source
        What timed it: "photodiode", "code", "fit" (the clocks) or "table"; "none".
    reason
        Why it is unknown; empty where it is known.
    """

    clock_segment: NDArray[np.int64]
    tick: NDArray[np.float64]
    source: NDArray[np.str_]
    reason: tuple[str, ...]


@dataclass(frozen=True)
class DayPlacement:
    """All devices' presentations, by the device's name, and what is to be known of the clocks, a sentence each."""

    of_device: dict[str, PlacedImages]
    said: tuple[str, ...]


def place_images(
    table: PresentationTable, devices: Sequence[Device], *, file: Path, frame_ms: float | None
) -> DayPlacement:
    """Find when each presentation came.

    Parameters
    ----------
    table
        What was shown.
    devices
        What was recorded.
    file
        The table's, for messages.
    frame_ms
        Of the program's display: by a multiple of it an onset may be late; None where nobody says.

    Raises
    ------
    AlignmentError
        The table's codes or clock segments are not the recording's; or its times are of one clock, and there are more.
    """
    if table.timed_by == "code and time_s":
        try:
            return _by_both_clocks(table, devices, frame_ms)
        except AlignmentError as error:  # the alignment speaks of the rig and its journal
            said = re.sub(r"\brig\b", "program", str(error).replace("journal", "table"))
            raise AlignmentError(f"{file}: {said}") from error
    if table.timed_by != "code" and len([one for one in devices if one.electrodes]) > 1:
        raise AlignmentError(
            f"{file}: expected codes and times, which each of {len(devices)} processors has on its own clock, found "
            f"{table.timed_by}. Give code and time_s, or the files of one processor."
        )
    placed = {device.name: _with_light(device, _as_said(table, device, file=file), frame_ms) for device in devices}
    n_light = {name: int(np.count_nonzero(one.source == "photodiode")) for name, one in placed.items()}
    n = len(table.shown)
    return DayPlacement(
        placed, tuple(f"{name}: {found} of {n} onsets by the photodiode" for name, found in n_light.items())
    )


def _by_both_clocks(table: PresentationTable, devices: Sequence[Device], frame_ms: float | None) -> DayPlacement:
    """Align the codes that the program sent with those that each device received, as a session of the rig is."""
    sent, is_shown = _sent(table)
    found = align_devices(
        sent,
        {device.name: device.codes for device in devices},
        edges={device.name: device.edges for device in devices if device.edges is not None},
        segments={device.name: device.segments for device in devices},
        rules=AlignmentRules(frame_ms=frame_ms),
    )
    placed = {
        name: PlacedImages(
            one.clock_segment[is_shown],
            one.onset_tick[is_shown],
            one.source[is_shown],
            tuple(reason for reason, own in zip(one.reason, is_shown, strict=True) if own),
        )
        for name, one in found.items()
    }
    return DayPlacement(placed, tuple(_said_of_clocks(name, one) for name, one in found.items()))


def _sent(table: PresentationTable) -> tuple[SentCodes, NDArray[np.bool_]]:
    """Return all codes that the program sent, in order of time, and which of them are presentations."""
    codes = [(one.time_s or 0.0, one.code, True) for one in table.shown]
    codes += [(time_s, code, False) for code, time_s in table.other_codes]
    codes.sort(key=lambda one: one[0])
    is_shown = np.array([shown for _, _, shown in codes], dtype=bool)
    unsent = np.array([code is None for _, code, _ in codes], dtype=bool)
    values = np.array([_UNSENT if code is None else code for _, code, _ in codes], dtype=np.int64)
    time_s = np.array([at for at, _, _ in codes])
    return SentCodes(values, time_s, lit=is_shown, perhaps=unsent), is_shown


def _said_of_clocks(name: str, found: Alignment) -> str:
    quality = found.quality
    drifts = ", ".join(f"{run.drift_ppm:+.1f}" for run in quality.runs)
    light = quality.photodiode_lag_median_ms
    lost = quality.n_lost + quality.n_unplaced
    return (
        f"{name}: {quality.n_matched:,} of {quality.n_sent:,} codes found, {lost:,} lost, {quality.n_changed:,} "
        f"changed; {quality.n_foreign:,} others in the recording; drift of the clocks {drifts} ppm; "
        + ("no photodiode" if light is None else f"display latency {light:.1f} ms by the photodiode")
    )


def _as_said(table: PresentationTable, device: Device, *, file: Path) -> PlacedImages:
    """Return the table's own onsets, in the device's ticks."""
    if table.timed_by == "code":
        clock_segment, tick = _by_codes_alone(table, device, file=file)
    else:
        known = {one.clock_segment for one in clock_segments_of(device.segments)}
        clock_segment = np.array([_clock_segment(one, known, file=file) for one in table.shown], np.int64)
        tick = np.array([_tick(one, device.tick_hz) for one in table.shown], np.float64)
    n = len(table.shown)
    return PlacedImages(clock_segment, tick, np.full(n, "table", dtype="<U10"), ("",) * n)


def _clock_segment(one: ShownRow, known: set[int], *, file: Path) -> int:
    if one.clock_segment is None and len(known) == 1:
        return next(iter(known))
    if one.clock_segment in known and one.clock_segment is not None:
        return one.clock_segment
    found = "none" if one.clock_segment is None else f"{one.clock_segment}"
    raise AlignmentError(
        f"{file}, line {one.line}: expected clock_segment to be one of the recorder's, whose clock was set back "
        f"({', '.join(map(str, sorted(known)))}), found {found}. `closedloop recording info` lists them."
    )


def _tick(one: ShownRow, tick_hz: int) -> float:
    return float(one.onset_tick) if one.onset_tick is not None else (one.onset_s or 0.0) * tick_hz


def _by_codes_alone(
    table: PresentationTable, device: Device, *, file: Path
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Take the recorder's codes one by one: without the program's clock nobody can tell which one was lost."""
    wanted = np.array([one.code for one in table.shown], np.int64)
    own = np.isin(device.codes.value, wanted)
    values = device.codes.value[own]
    if len(values) != len(wanted) or not np.array_equal(values, wanted):
        n = min(len(values), len(wanted))
        differing = np.flatnonzero(values[:n] != wanted[:n])
        at = int(differing[0]) if len(differing) else n
        line = table.shown[min(at, len(wanted) - 1)].line
        raise AlignmentError(
            f"{file}, line {line}: expected the table's {len(wanted)} codes in {device.name} in this order, found "
            f"{len(values)} codes of these numbers, another one from here on. Give time_s, the program's clock, too: "
            "then lost and foreign codes are told apart."
        )
    return np.asarray(device.codes.clock_segment[own], np.int64), device.codes.tick[own].astype(np.float64)


def _with_light(device: Device, placed: PlacedImages, frame_ms: float | None) -> PlacedImages:
    """Let the photodiode decide an onset, where an edge follows it as others do."""
    if device.edges is None or not len(device.edges.tick):
        return placed
    marker_s, edge_s = (_axis(device, one) for one in (Edges(placed.clock_segment, placed.tick), device.edges))
    order = np.argsort(marker_s, kind="stable")
    found = find_onsets(marker_s[order], edge_s, window_ms=_LIGHT_WINDOW_MS, frame_ms=frame_ms)
    edge = np.full(len(order), -1)
    edge[order] = found.edge
    seen = edge >= 0
    return replace(
        placed,
        tick=np.where(seen, take_or(device.edges.tick, edge, np.nan), placed.tick),
        source=np.where(seen, "photodiode", placed.source),
    )


def _axis(device: Device, moments: Edges) -> NDArray[np.float64]:
    return device.seconds(np.asarray(moments.clock_segment, np.int64), np.asarray(moments.tick, np.float64))
