"""A writer of Open Ephys' binary format, by its manual ("Binary format", GUI 0.6): folders, oebin, dat, npy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STREAM = "Rhythm_Data-100.Rhythm Data"
NODE = "Record Node 101"


def write_open_ephys(
    folder: Path,
    volts: NDArray[np.int16],
    *,
    numbers: NDArray[np.int64] | None = None,
    adc: NDArray[np.int16] | None = None,
    ttl: Sequence[tuple[int, int]] = (),
    rate_hz: float = 30_000.0,
    bit_volts: float = 0.25,
    experiment: int = 1,
    recording: int = 1,
) -> Path:
    """Write one recording; return its folder.

    Parameters
    ----------
    volts
        Bits of the electrodes, (n_samples, n_channels).
    numbers
        Number of each sample; 0, 1, 2, ... if None.
    adc
        Bits of an auxiliary input, (n_samples,).
    ttl
        (sample number, line up or -line down), in order.
    """
    own = folder / NODE / f"experiment{experiment}" / f"recording{recording}"
    continuous, events = own / "continuous" / STREAM, own / "events" / STREAM / "TTL"
    continuous.mkdir(parents=True)
    events.mkdir(parents=True)
    columns = volts if adc is None else np.column_stack([volts, adc])
    np.ascontiguousarray(columns, "<i2").tofile(continuous / "continuous.dat")
    count = np.arange(len(volts), dtype=np.int64) if numbers is None else np.asarray(numbers, np.int64)
    np.save(continuous / "sample_numbers.npy", count)
    np.save(continuous / "timestamps.npy", count / rate_hz)
    numbers_of, states = (np.array([row[place] for row in ttl], np.int64) for place in (0, 1))
    np.save(events / "sample_numbers.npy", numbers_of)
    np.save(events / "timestamps.npy", numbers_of / rate_hz)
    np.save(events / "states.npy", states.astype(np.int16))
    word = np.cumsum(np.sign(states) << (np.abs(states) - 1)) if len(states) else states
    np.save(events / "full_words.npy", word.astype(np.uint64))
    (own / "structure.oebin").write_text(json.dumps(_structure(volts.shape[1], adc is not None, rate_hz, bit_volts)))
    (folder / NODE / "settings.xml").write_text("<SETTINGS/>")
    return own


def _structure(n_channels: int, has_adc: bool, rate_hz: float, bit_volts: float) -> dict[str, Any]:
    channels = [
        {"channel_name": f"CH{number}", "description": "", "identifier": "", "bit_volts": bit_volts, "units": "uV"}
        for number in range(1, n_channels + 1)
    ]
    if has_adc:
        channels.append(
            {"channel_name": "ADC1", "description": "", "identifier": "", "bit_volts": 0.00015, "units": "V"}
        )
    source = {"source_processor_name": "Rhythm Data", "source_processor_id": 100, "stream_name": "Rhythm Data"}
    continuous = {
        "folder_name": f"{STREAM}/",
        "sample_rate": rate_hz,
        **source,
        "num_channels": len(channels),
        "channels": channels,
    }
    events = {
        "folder_name": f"{STREAM}/TTL/",
        "channel_name": "Rhythm Data TTL",
        "description": "",
        "identifier": "",
        "sample_rate": rate_hz,
        "type": "int16",
        **source,
        "initial_state": 0,
    }
    return {"GUI version": "0.6.7", "continuous": [continuous], "events": [events], "spikes": []}


def ttl_of_codes(
    codes: Sequence[tuple[int, int]], *, hold: int, n_lines: int = 16, skew: int = 0
) -> list[tuple[int, int]]:
    """Return TTL events of codes that stand for `hold` samples; line k moves k * skew samples after the first.

    Parameters
    ----------
    codes
        (sample number, value).
    hold, skew
        In samples.
    n_lines
        Lines 1 to n_lines, bit 0 first.
    """
    events = [
        (tick + skew * line, sign * (line + 1))
        for at, value in codes
        for tick, sign in ((at, 1), (at + hold, -1))
        for line in range(n_lines)
        if value >> line & 1
    ]
    return sorted(events, key=lambda event: event[0])
