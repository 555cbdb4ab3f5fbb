"""A simulated day's recording written as recorders of other makers would have: the same bits, codes and light."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.recorder import RecorderDescription
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.stages.context import StageContext
from closedloop.stages.ingest.run import run
from tests.unit.neo_files.open_ephys_files import STREAM, ttl_of_codes, write_open_ephys
from tests.unit.neo_files.spike_glx_files import word_of_codes, write_nidq

HOLD = 3  # samples: the rig holds a code for .1 ms

OPEN_EPHYS = RecorderDescription.model_validate(
    {
        "maker": "neo",
        "devices": [
            {
                "raw": {},
                "codes": {"lines": [1, 2, 3, 4, 5, 6, 7, 8]},
                "photodiode": {"stream": f"{STREAM}_ADC", "channel": "ADC1"},
            }
        ],
    }
)
SPIKE_GLX = RecorderDescription.model_validate(
    {
        "maker": "neo",
        "devices": [
            {
                "format": "SpikeGLX",
                "raw": {"stream": "nidq", "channels": ["MN*"]},
                "codes": {"stream": "nidq", "channels": ["XD0"], "lines": [0, 1, 2, 3, 4, 5, 6, 7]},
                "photodiode": {"stream": "nidq", "channel": "MA0"},
            }
        ],
    }
)


@dataclass(frozen=True)
class Heard:
    """What a Blackrock processor recorded without a pause: bits of electrodes and photodiode, codes by sample."""

    volts: NDArray[np.int16]
    light: NDArray[np.int16]
    codes: tuple[tuple[int, int], ...]


def heard(folder: Path) -> Heard:
    """Read a simulated recording of one segment."""
    samples = open_samples(folder / "array1.ns6")
    (segment,) = samples.segments
    rows = samples.read(0, 0, segment.n_samples)
    electrodes = [place for place, channel in enumerate(samples.channels) if channel.is_electrode]
    found = read_nev(folder / "array1.nev", spikes=False).codes
    codes = zip((found.tick - segment.first_tick).tolist(), found.value.tolist(), strict=True)
    return Heard(rows[:, electrodes], rows[:, -1], tuple(codes))


def as_open_ephys(folder: Path, day: Heard, *, numbers: NDArray[np.int64] | None = None) -> None:
    """Write it as Open Ephys' binary format; of numbers that are left out, the samples are."""
    kept = slice(None) if numbers is None else numbers
    ttl = ttl_of_codes(day.codes, hold=HOLD, n_lines=8)
    write_open_ephys(folder, day.volts[kept], numbers=numbers, adc=day.light[kept], ttl=ttl)


def as_spike_glx(folder: Path, day: Heard, *, cut: tuple[int, int] | None = None) -> None:
    """Write it as SpikeGLX: a file, or two with the samples between left out."""
    word = word_of_codes(day.codes, len(day.volts), hold=HOLD, n_lines=8)
    parts = [(0, len(word))] if cut is None else [(0, cut[0]), (cut[1], len(word))]
    for trigger, (start, stop) in enumerate(parts):
        write_nidq(
            folder,
            day.volts[start:stop],
            word[start:stop],
            light=day.light[start:stop],
            first_sample=start,
            trigger=trigger,
        )


def ingest_as(study: Path, copy: Path, recorder: RecorderDescription | None) -> StageContext:
    """Run ingest of day 0 in a copy of a study, whose recording is there already; return its surroundings."""
    paths = StudyPaths(copy)
    document = StudyDocument.read(StudyPaths(study).study).model_copy(update={"recorder": recorder})
    protocol: Protocol = read_protocol(StudyPaths(study).protocol)
    working = paths.working("ingest", 0)
    working.mkdir(parents=True)
    made = StageContext(paths, document, protocol, 0, "ingest", working, lambda _done, _total: None)
    run(made)
    return made


def without_recording(study: Path, copy: Path) -> Path:
    """Copy a study up to its first session; return the folder for the recording."""
    for stage in ("plan", "synthesize", "schedule", "present"):
        shutil.copytree(study / "day-00" / stage, copy / "day-00" / stage)
    for name in ("study.json", "protocol.yaml"):
        shutil.copy(study / name, copy / name)
    shutil.copytree(study / "start", copy / "start")
    folder = copy / "day-00" / "recording"
    folder.mkdir()
    return folder


def quality(made: StageContext) -> dict[str, object]:
    """Return the day's quality report as plain values."""
    plain: dict[str, object] = json.loads(made.output(catalog.QUALITY).read_text())
    return plain
