"""`closedloop recording events` on a recording of another maker: its digital codes and spikes as a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.arrow import CodedText
from closedloop.artifacts.commands.recording_tables import RECORDING_EVENTS
from closedloop.artifacts.tables import table_writer
from closedloop.commands.recording_files.other_makers.devices import described_devices
from closedloop.commands.recording_files.outputs import TABLE_SUFFIXES, check_output
from closedloop.devices.device import Device
from closedloop.errors import RecordingError
from closedloop.recording.spikes import Spikes

_KINDS = ("spike", "digital")
_SPIKE, _DIGITAL = range(len(_KINDS))


def other_events(path: Path, out: Path, *, recorder: Path | None, spikes: bool) -> list[str]:
    """Write the codes and spikes of a device in order of clock segment and tick; return the lines to print.

    Parameters
    ----------
    path, recorder
        The recording, and the description of its recorder.
    out
        The parquet table to write.
    spikes
        Whether spikes are wanted.

    Raises
    ------
    RecordingError
        There is no description, what it names is not there, or a code does not fit the table's 16 bits.
    """
    check_output(out, TABLE_SUFFIXES[:1])
    devices = described_devices(path, recorder, spikes=spikes)
    if len(devices) != 1:
        raise RecordingError(
            f"{path}: expected a recorder of one device, found {len(devices)}. Describe one in a file of its own."
        )
    (device,) = devices
    if len(device.codes.value) and int(device.codes.value.max()) >= 1 << 16:
        raise RecordingError(
            f"{path}: expected codes of 16 bits, found {int(device.codes.value.max())}. Name fewer lines."
        )
    n_spikes = 0
    with table_writer(
        out, RECORDING_EVENTS, simulated=False, attributes={"file": path.name, "tick_hz": str(device.tick_hz)}
    ) as write:
        for found, first, last in _groups(device):
            n_spikes += len(found)
            write(_rows(device, found, first, last))
    said = [f"  said: {sentence}" for sentence in device.repairs]
    return [f"{out}: spike {n_spikes:,}, digital {len(device.codes.value):,}", *said]


def _groups(device: Device) -> Iterator[tuple[Spikes, int, int]]:
    """Yield spikes with the codes first to last (exclusive) that come no later than the last of them."""
    codes, first = device.codes, 0
    for found in device.spikes():
        if len(found):
            end = (int(found.clock_segment[-1]), int(found.tick[-1]))
            earlier = (codes.clock_segment < end[0]) | ((codes.clock_segment == end[0]) & (codes.tick <= end[1]))
            last = max(int(earlier.sum()), first)
            yield found, first, last
            first = last
    none = Spikes(np.zeros(0, np.uint16), np.zeros(0, np.int64), np.zeros(0, np.uint16))
    yield none, first, len(codes.value)


def _rows(device: Device, spikes: Spikes, first: int, last: int) -> dict[str, Any]:
    codes = device.codes
    n_spikes, n_codes = len(spikes), last - first
    clock_segment = np.concatenate([spikes.clock_segment, codes.clock_segment[first:last]]).astype(np.uint16)
    tick = np.concatenate([spikes.tick, codes.tick[first:last]])
    is_code = np.arange(n_spikes + n_codes) >= n_spikes
    electrode = np.concatenate([spikes.electrode_id, np.zeros(n_codes, np.uint16)])
    value = np.concatenate([np.zeros(n_spikes, np.uint16), codes.value[first:last].astype(np.uint16)])
    order = np.lexsort((electrode, tick, clock_segment))
    kind = np.where(is_code, _DIGITAL, _SPIKE).astype(np.int8)[order]
    return {
        "kind": CodedText(kind, _KINDS),
        "epoch": clock_segment[order],
        "tick": tick[order],
        "time_s": tick[order] / device.tick_hz,
        "electrode_id": _masked(electrode[order], is_code[order]),
        "unit": _masked(np.zeros(len(order), np.uint8), np.ones(len(order), bool)),
        "value": _masked(value[order], ~is_code[order]),
        "text": np.full(len(order), None, object),
    }


def _masked(values: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    masked: NDArray[Any] = np.ma.masked_array(values, mask)
    return masked
