"""Recorders of other makers, read by neo: Open Ephys' binary format and SpikeGLX, by their manuals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.commands.recording_files.other_makers.devices import raw_devices
from closedloop.commands.recording_files.other_makers.info import other_info
from tools.fuzz.mutations import spoil_bytes
from tools.fuzz.reader import Reader
from tools.fuzz.text_mutations import spoil_json, spoil_text

_STREAM = "Rhythm_Data-100.Rhythm Data"
_N_SAMPLES, _N_CHANNELS = 600, 2


def _volts() -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(-200, 200, (_N_SAMPLES, _N_CHANNELS)).astype("<i2")


def make_open_ephys(folder: Path) -> None:
    """Write a recording of two channels and some digital events ("Binary format" of the GUI's manual)."""
    own = folder / "day" / "Record Node 101" / "experiment1" / "recording1"
    continuous, events = own / "continuous" / _STREAM, own / "events" / _STREAM / "TTL"
    continuous.mkdir(parents=True)
    events.mkdir(parents=True)
    _volts().tofile(continuous / "continuous.dat")
    np.save(continuous / "sample_numbers.npy", np.arange(_N_SAMPLES))
    np.save(continuous / "timestamps.npy", np.arange(_N_SAMPLES) / 30_000)
    numbers = np.array([100, 130, 200, 230])
    np.save(events / "sample_numbers.npy", numbers)
    np.save(events / "timestamps.npy", numbers / 30_000)
    np.save(events / "states.npy", np.array([1, -1, 2, -2], np.int16))
    np.save(events / "full_words.npy", np.array([1, 0, 2, 0], np.uint64))
    source = {"source_processor_name": "Rhythm Data", "source_processor_id": 100, "stream_name": "Rhythm Data"}
    channel = {"description": "", "identifier": "", "bit_volts": 0.25, "units": "uV"}
    stream = {
        "folder_name": f"{_STREAM}/",
        "sample_rate": 30_000.0,
        **source,
        "num_channels": _N_CHANNELS,
        "channels": [{"channel_name": f"CH{number}", **channel} for number in range(1, _N_CHANNELS + 1)],
    }
    ttl = {
        "folder_name": f"{_STREAM}/TTL/",
        "channel_name": "Rhythm Data TTL",
        "description": "",
        "identifier": "",
        "sample_rate": 30_000.0,
        "type": "int16",
        **source,
        "initial_state": 0,
    }
    content = {"GUI version": "0.6.7", "continuous": [stream], "events": [ttl], "spikes": []}
    (own / "structure.oebin").write_text(json.dumps(content))
    (own.parents[1] / "settings.xml").write_text("<SETTINGS/>")


def make_spike_glx(folder: Path) -> None:
    """Write one AP file of a Neuropixels 2.0 probe with its sync word ("Metadata" of SpikeGLX' manual)."""
    own = folder / "run_g0_imec0"
    own.mkdir()
    file = own / "run_g0_t0.imec0.ap.bin"
    np.column_stack([_volts(), np.arange(_N_SAMPLES) // 50 % 2]).astype("<i2").tofile(file)
    names = ("AP0", "AP1", "SY0")
    lines = {
        "fileName": f"D:/{file.name}",
        "fileSizeBytes": file.stat().st_size,
        "typeThis": "imec",
        "nSavedChans": len(names),
        "firstSample": 0,
        "imSampRate": 30_000,
        "imAiRangeMax": 0.62,
        "imAiRangeMin": -0.62,
        "imMaxInt": 2048,
        "imDatPrb_pn": "NP2013",
        "imChan0apGain": 100,
        "snsApLfSy": "2,0,1",
        "~snsChanMap": "(2,0,1)" + "".join(f"({name};{place}:{place})" for place, name in enumerate(names)),
    }
    file.with_suffix(".meta").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))


def read_by_neo(folder: Path) -> None:
    """Say what is in a recording, and go through its raw voltage."""
    other_info(folder, None, as_json=False)
    other_info(folder, None, as_json=True)
    for device in raw_devices(folder, None):
        for voltage in device.voltages:
            for number, segment in enumerate(voltage.samples.segments):
                voltage.samples.read(number, 0, min(segment.n_samples, 1 << 20))


_SPOILERS = {"*.oebin": spoil_json, "*.meta": spoil_text, "*": spoil_bytes}
READERS = (
    Reader("open_ephys", make_open_ephys, read_by_neo, _SPOILERS),
    Reader("spike_glx", make_spike_glx, read_by_neo, _SPOILERS),
)
