"""The simulated Utah array and recorder: from a journal and the hidden cortex to real .nev and .ns6 files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import Presentation
from closedloop.artifacts.protocol.analysis import Simulation
from closedloop.artifacts.protocol.session import Recording
from closedloop.execution.progress import ProgressCallback
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.trials import PresentationSequence, psth_profile, trial_rates_hz
from closedloop.simulation.events import patch_times
from closedloop.simulation.processor import FileFormat
from closedloop.simulation.recorder import Fault, Line, RecorderSetup, SessionEvents, write_recording
from closedloop.simulation.spikes import draw_spikes
from closedloop.simulation.voltage import draw_waveforms

_FIRST_DAY = datetime(2022, 1, 3, 9, tzinfo=UTC)  # files carry a date; a simulated day's is made up and says nothing
_TAIL_S = 2.0


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
        Electrodes whose voltage is written, numbered over all processors from 1.
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


def record(
    folder: Path,
    day: ArrayDay,
    *,
    cortex: HiddenCortex,
    recording: Recording,
    simulation: Simulation,
    progress: ProgressCallback,
) -> None:
    """Write the files of a session, a .nev and an .ns6 for each of the recorder's processors.

    Parameters
    ----------
    folder
        Where the files go.
    day
        What was shown, and the noise.
    cortex
        The subject.
    recording, simulation
        Sections of the protocol.
    progress
        Called with (done, total) samples as the files grow.
    """
    recorder = set_up_recorder(day, cortex, recording=recording, simulation=simulation)
    write_recording(folder, recorder, draw_events(day, cortex, recorder, simulation), progress=progress)


def set_up_recorder(
    day: ArrayDay, cortex: HiddenCortex, *, recording: Recording, simulation: Simulation
) -> RecorderSetup:
    """Return the recorder of a day.

    Parameters
    ----------
    day
        Its number, session and noise.
    cortex
        The subject: how many electrodes, with which waveforms.
    recording, simulation
        Sections of the protocol.
    """
    return RecorderSetup(
        n_electrodes=cortex.n_electrodes,
        n_processors=simulation.n_processors,
        raw_electrodes=day.raw_electrodes,
        clock_drift_ppm=simulation.clock_drift_ppm,
        line=Line(lost=simulation.lost_codes, doubled=simulation.doubled_codes),
        waveforms=draw_waveforms(cortex.n_electrodes, seed=cortex.seed),
        form=FileFormat(
            recording.specification, recording.waveform_samples, _FIRST_DAY + timedelta(days=day.day), day.session_id
        ),
        seed=day.seed,
        faults=faults_on(day.day, simulation),
    )


def faults_on(day: int, simulation: Simulation) -> tuple[Fault, ...]:
    """Return a day's faults."""
    every = tuple(range(1, simulation.n_processors + 1))
    return tuple(
        Fault(fault.name, every if fault.processor is None else (fault.processor,))
        for fault in simulation.recorder_faults
        if fault.day in (None, day)
    )


def draw_events(day: ArrayDay, cortex: HiddenCortex, recorder: RecorderSetup, simulation: Simulation) -> SessionEvents:
    """Draw what there is to record on a day.

    Parameters
    ----------
    day
        Its journal, images and noise.
    cortex
        The subject.
    recorder
        Started before the rig: spikes begin with it.
    simulation
        Section of the protocol.
    """
    presentations = day.journal.presentations
    end_s = max(row.offset_s for row in presentations) + _TAIL_S
    patch = patch_times(
        presentations, latency_s=simulation.display_lag_ms / 1000, frame_s=1 / day.refresh_hz, seed=day.seed
    )
    spikes = draw_spikes(
        patch.on_s,
        trial_rates_hz(cortex, _sequence(day, presentations, patch.on_s), day=day.day),
        baseline_hz=cortex.baseline_rate_hz,
        profile=psth_profile(),
        span_s=(-recorder.longest_lead_s, end_s),
        seed=day.seed,
    )
    return SessionEvents(day.journal.rows, spikes, patch, end_s)


def _sequence(
    day: ArrayDay, presentations: tuple[Presentation, ...], patch_on_s: NDArray[np.float64]
) -> PresentationSequence:
    trial = np.array([row.trial for row in presentations])
    return PresentationSequence(
        images=day.images,
        image_index=np.array([row.image_index for row in presentations]),
        ordinal=np.array([row.ordinal for row in presentations]),
        onset_s=patch_on_s,
        follows_previous=np.r_[False, trial[1:] == trial[:-1]],
    )
