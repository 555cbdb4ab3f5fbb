"""The simulated Utah array and recorder: from a journal and the hidden cortex to real .nev and .ns6 files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.journal import Journal, Presentation
from closedloop.artifacts.protocol import Recording, Simulation
from closedloop.recording.nev_header import NevElectrode
from closedloop.recording.nev_writer import NevBatch, write_nev
from closedloop.recording.nsx_header import NsxChannel
from closedloop.recording.nsx_writer import write_nsx
from closedloop.simulation.cortex import HiddenCortex
from closedloop.simulation.cortex_trials import PresentationSequence, psth_profile, trial_rates_hz
from closedloop.simulation.events import TICK_HZ, RecorderClock, light_of, send_words
from closedloop.simulation.spikes import draw_spikes
from closedloop.simulation.voltage import Units, draw_units, photodiode_channel, snippets, voltage_chunks

ARRAY_NAME = "array1"
SIMULATED_APPLICATION = "closedloop simulated array"
_FIRST_DAY = datetime(2022, 1, 3, 9, tzinfo=UTC)  # files carry a date; a simulated day's is made up and says nothing
_TAIL_S = 2.0
_LEAD_S = (2.0, 8.0)
_BATCH_TICKS = 20 * TICK_HZ
_MS_PER_S = 1000


@dataclass(frozen=True)
class ArrayDay:
    """One day of the simulated array.

    Attributes
    ----------
    session_id
        Written as a comment, so that a recording tells which session it is of.
    images
        The session's images, uint8, (n_images, height, width, 3).
    refresh_hz
        Of the display.
    raw_electrodes
        Electrodes whose voltage is written, by id.
    seed
        Of this day's noise.
    """

    day: int
    session_id: str
    journal: Journal
    images: NDArray[np.uint8]
    refresh_hz: float
    raw_electrodes: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class _Recorded:
    """Everything that happened, in the recorder's ticks."""

    spike_tick: NDArray[np.int64]
    spike_electrode: NDArray[np.int64]
    word_tick: NDArray[np.int64]
    word_value: NDArray[np.int64]
    light_on: NDArray[np.int64]
    light_off: NDArray[np.int64]
    n_ticks: int


def record(
    folder: Path,
    day: ArrayDay,
    *,
    cortex: HiddenCortex,
    recording: Recording,
    simulation: Simulation,
    progress: Callable[[int, int], None],
) -> None:
    """Write array1.nev and array1.ns6 of a session.

    Parameters
    ----------
    folder
        Where the files go.
    progress
        Called with (done, total) ticks as the files grow.
    """
    recorded = _happen(day, cortex, simulation)
    units = draw_units(cortex.n_electrodes, seed=cortex.seed)
    start = _FIRST_DAY + timedelta(days=day.day)
    comment = f"{SIMULATED_APPLICATION}; session {day.session_id}"
    total = 2 * recorded.n_ticks
    write_nev(
        folder / f"{ARRAY_NAME}.nev",
        [NevElectrode(electrode, f"elec{electrode}") for electrode in range(1, cortex.n_electrodes + 1)],
        specification=recording.specification,
        batches=_batches(recorded, day, units, recording.waveform_samples, lambda done: progress(done, total)),
        start=start,
        waveform_samples=recording.waveform_samples,
        application=SIMULATED_APPLICATION,
        comment=comment,
    )
    chunks = voltage_chunks(
        light_on=recorded.light_on,
        light_off=recorded.light_off,
        spike_tick=recorded.spike_tick,
        spike_electrode=recorded.spike_electrode,
        raw_electrodes=day.raw_electrodes,
        units=units,
        n_ticks=recorded.n_ticks,
        seed=day.seed,
    )
    write_nsx(
        folder / f"{ARRAY_NAME}.ns6",
        [*(NsxChannel(electrode, f"elec{electrode}") for electrode in day.raw_electrodes), photodiode_channel()],
        rate_hz=TICK_HZ,
        specification=recording.specification,
        chunks=_told(chunks, lambda done: progress(recorded.n_ticks + done, total)),
        start=start,
        label="raw" if day.raw_electrodes else "analog",
        comment=comment,
    )


def _happen(day: ArrayDay, cortex: HiddenCortex, simulation: Simulation) -> _Recorded:
    presentations = day.journal.presentations
    random = np.random.default_rng([day.seed, *b"clock"])
    clock = RecorderClock(random.uniform(*_LEAD_S), simulation.clock_drift_ppm)
    end_s = max(row.offset_s for row in presentations) + _TAIL_S
    light = light_of(
        presentations, lag_s=simulation.display_lag_ms / _MS_PER_S, frame_s=1 / day.refresh_hz, seed=day.seed
    )
    words = send_words(day.journal.rows, lost=simulation.lost_codes, doubled=simulation.doubled_codes, seed=day.seed)
    spikes = draw_spikes(
        light.on_s,
        trial_rates_hz(cortex, _sequence(day, presentations, light.on_s), day=day.day),
        baseline_hz=cortex.baseline_rate_hz,
        profile=psth_profile(),
        span_s=(-clock.lead_s, end_s),
        seed=day.seed,
    )
    spike_tick, n_ticks = clock.ticks(spikes.time_s), int(clock.ticks(np.array([end_s]))[0])
    kept = (spike_tick >= 0) & (spike_tick < n_ticks)
    return _Recorded(
        spike_tick=spike_tick[kept],
        spike_electrode=spikes.electrode_id[kept],
        word_tick=clock.ticks(words.time_s),
        word_value=words.value,
        light_on=clock.ticks(light.on_s),
        light_off=clock.ticks(light.off_s),
        n_ticks=n_ticks,
    )


def _sequence(
    day: ArrayDay, presentations: tuple[Presentation, ...], light_on_s: NDArray[np.float64]
) -> PresentationSequence:
    trial = np.array([row.trial for row in presentations])
    return PresentationSequence(
        images=day.images,
        image_index=np.array([row.image_index for row in presentations]),
        ordinal=np.array([row.ordinal for row in presentations]),
        onset_s=light_on_s,
        follows_previous=np.r_[False, trial[1:] == trial[:-1]],
    )


def _batches(
    recorded: _Recorded, day: ArrayDay, units: Units, waveform_samples: int, progress: Callable[[int], None]
) -> Iterator[NevBatch]:
    for number, start in enumerate(range(0, recorded.n_ticks, _BATCH_TICKS)):
        spikes = slice(*np.searchsorted(recorded.spike_tick, [start, start + _BATCH_TICKS]))
        words = slice(*np.searchsorted(recorded.word_tick, [start, start + _BATCH_TICKS]))
        electrode = recorded.spike_electrode[spikes]
        random = np.random.default_rng([day.seed, number, *b"snippets"])
        opening = number == 0
        yield NevBatch(
            spike_tick=recorded.spike_tick[spikes],
            spike_electrode=electrode,
            spike_waveform=snippets(units, electrode, n_samples=waveform_samples, random=random),
            code_tick=recorded.word_tick[words],
            code_value=recorded.word_value[words],
            comment_tick=np.zeros(int(opening), dtype=np.int64),
            comment_text=(day.session_id,) if opening else (),
        )
        progress(min(start + _BATCH_TICKS, recorded.n_ticks))


def _told(
    chunks: Iterator[tuple[int, NDArray[np.int16]]], progress: Callable[[int], None]
) -> Iterator[tuple[int, NDArray[np.int16]]]:
    for first_tick, samples in chunks:
        yield first_tick, samples
        progress(first_tick + len(samples))
