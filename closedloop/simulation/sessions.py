"""Small sessions of their own, without a cortex: for whoever needs a recording, good or bad, with the truth beside it.

Images come in trials of six, 100 ms on and 100 ms off; electrodes fire at a steady rate; the recorder writes what it
hears, with the faults asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.day.journal import journal_bytes
from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    LaunchOpened,
    Presentation,
    SessionEnded,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.artifacts.naming import derive_seed, generator
from closedloop.artifacts.protocol.recorder_faults import RECORDER_FAULTS, LineFault, RecorderFault
from closedloop.artifacts.tables import write_table
from closedloop.blackrock.nsx.layout import NSX_LAYOUTS
from closedloop.errors import RecordingError
from closedloop.execution.progress import ProgressCallback
from closedloop.simulation.events import patch_times
from closedloop.simulation.processor import FileFormat
from closedloop.simulation.recorder import Fault, Line, RecorderSetup, SessionEvents, locate, write_recording
from closedloop.simulation.spikes import SpikeTrains
from closedloop.simulation.voltage import HALF_BRIGHT_S, draw_waveforms
from closedloop.storage import make_folder, write_bytes

ONSET, SPIKE = "onset", "spike"
TRUTH = TableLayout(
    kind="recording_truth",
    columns={
        "event": Column("string", "", "onset (the photodiode patch at half its brightness) or spike"),
        "processor": Column("int32", "", "which processor's clock the row is in, from 1"),
        "ordinal": Column("int32", "", "presentation in the journal; -1 for spikes"),
        "electrode_id": Column("int32", "", "the processor's number of the electrode; -1 for onsets"),
        "epoch": Column("int32", "", "run of the clock; -1 where nothing was recorded"),
        "tick": Column("int64", "recorder ticks", "when it happened; -1 where nothing was recorded"),
    },
)

_START = datetime(2024, 5, 6, 9, tzinfo=UTC)
_PER_TRIAL, _ON_S, _PERIOD_S, _TRIAL_S, _FIRST_IMAGE_S = 6, 0.1, 0.2, 2.0, 0.4
_REFRESH_HZ, _DISPLAY_LATENCY_S, _TAIL_S = 60.0, 0.012, 1.0
_RATE_HZ, _DEAD_TIME_S = 20.0, 0.002
_N_IMAGES = 40
_PATCH_JITTER_S = 0.00005  # so that the code tells the onset where the photodiode does not
_CODES = 65_535
_CLOCK_DRIFT_PPM = 100.0
_WIDE_PORT = 16


@dataclass(frozen=True)
class MadeSession:
    """What to make.

    Attributes
    ----------
    specification
        Of both kinds of file: "2.1" to "3.0-ptp".
    seconds
        Length of the session, at least one trial of 2 s.
    n_channels
        Number of electrodes in total, each with its voltage.
    faults
        Names out of `RECORDER_FAULTS` and `LINE_FAULTS`; on a recorder with two processors only the second
        one has the pause and the reset, so that they differ.
    """

    specification: str = "2.3"
    seconds: float = 60.0
    n_channels: int = 8
    n_processors: int = 1
    faults: tuple[RecorderFault | LineFault, ...] = ()
    seed: int = 0

    @property
    def session_id(self) -> str:
        """Name of the session."""
        return f"made-{derive_seed(self.seed, self.specification, str(self.seconds)):016x}"


def make_session(folder: Path, wanted: MadeSession, *, progress: ProgressCallback) -> None:
    """Write journal.jsonl, the recorder's files and truth.parquet.

    Parameters
    ----------
    folder
        Where the files go; made if it is missing.
    wanted
        What to make.
    progress
        Called with (done, total) samples as the files grow.

    Raises
    ------
    RecordingError
        The files of this specification cannot have such a fault, or the session is too short.
    """
    _check(wanted)
    make_folder(folder)
    rows = tuple(_journal(wanted))
    recorder, events = _recorder(wanted), _draw_events(wanted, rows)
    write_bytes(folder / JOURNAL.name, journal_bytes(rows))
    write_recording(folder, recorder, events, progress=progress)
    write_table(folder / "truth.parquet", TRUTH, _truth(recorder, events), simulated=True)


def _check(wanted: MadeSession) -> None:
    if wanted.seconds < 2 * _TRIAL_S or wanted.n_channels < wanted.n_processors:
        raise RecordingError(
            f"a session of {wanted.seconds:g} s with {wanted.n_channels} channels: expected at least "
            f"{2 * _TRIAL_S:g} s and a channel for each processor. Ask for more."
        )
    for fault in wanted.faults:
        if not can_have(fault, wanted.specification):
            fit = [name for name in NSX_LAYOUTS if can_have(fault, name)]
            raise RecordingError(
                f"fault {fault}: expected specification {' or '.join(fit)}, found {wanted.specification}. Choose that."
            )


def can_have(fault: RecorderFault | LineFault, specification: str) -> bool:
    """Return whether files of a specification can have a fault."""
    layout = NSX_LAYOUTS[specification]
    if fault.startswith("ptp_"):
        return layout.one_sample_a_block
    if fault in ("crashed", "overlapping_blocks"):
        return layout.block_header is not None and not layout.one_sample_a_block
    return layout.block_header is not None or fault not in ("pause", "reset", "sync_stub", "slow_stub")


def _journal(wanted: MadeSession) -> Iterator[JournalRow]:
    """Yield trials of six images; codes count up, and past 65,535 begin again at 1."""
    n_trials = int(wanted.seconds // _TRIAL_S)
    start = _CODES - n_trials * (_PER_TRIAL + 1) // 2 if "code_wrap" in wanted.faults else 0
    image = generator(wanted.seed, "images").integers(0, _N_IMAGES, n_trials * _PER_TRIAL).tolist()
    yield LaunchOpened(
        segment=0,
        session_id=wanted.session_id,
        simulated=True,
        display="headless",
        clock="virtual",
        refresh_hz=_REFRESH_HZ,
        first_ordinal=0,
        first_trial=0,
        time_s=0.0,
        utc=None,
        gaze="scripted",
        codes="file",
    )
    for trial in range(n_trials):
        yield from _trial(trial, start, image)
    yield SessionEnded(outcome="complete", n_remaining=0, time_s=n_trials * _TRIAL_S)


def _trial(trial: int, start: int, image: list[int]) -> Iterator[JournalRow]:
    first_code = start + trial * (_PER_TRIAL + 1)
    yield TrialStarted(trial=trial, code=_wrap_code(first_code), time_s=trial * _TRIAL_S)
    for position in range(_PER_TRIAL):
        ordinal = trial * _PER_TRIAL + position
        onset_s = round(trial * _TRIAL_S + _FIRST_IMAGE_S + position * _PERIOD_S, 6)
        yield Presentation(
            ordinal=ordinal,
            trial=trial,
            position=position,
            presentation_index=ordinal,
            image_index=image[ordinal],
            stimulus_id=f"{image[ordinal]:016x}",
            repetition=image[:ordinal].count(image[ordinal]),
            code=_wrap_code(first_code + 1 + position),
            onset_s=onset_s,
            offset_s=round(onset_s + _ON_S, 6),
            planned_on_frames=round(_ON_S * _REFRESH_HZ),
            on_frames=round(_ON_S * _REFRESH_HZ),
            planned_off_frames=round((_PERIOD_S - _ON_S) * _REFRESH_HZ),
            outcome="accepted",
        )
    yield TrialEnded(trial=trial, outcome="completed", reward_ms=120.0, time_s=round((trial + 0.9) * _TRIAL_S, 6))


def _wrap_code(count: int) -> int:
    return count % _CODES + 1


def _recorder(wanted: MadeSession) -> RecorderSetup:
    faults = set(wanted.faults)
    return RecorderSetup(
        n_electrodes=wanted.n_channels,
        n_processors=wanted.n_processors,
        raw_electrodes=tuple(range(1, wanted.n_channels + 1)),
        clock_drift_ppm=_CLOCK_DRIFT_PPM if "clock_drift" in faults else 0.0,
        line=Line(
            lost=0.01 * ("lost_codes" in faults),
            doubled=0.01 * ("doubled_codes" in faults),
            flipped=0.001 * ("flipped_codes" in faults),
            n_bits=_WIDE_PORT,
        ),
        waveforms=draw_waveforms(wanted.n_channels, seed=wanted.seed),
        form=FileFormat(wanted.specification, 48, _START, wanted.session_id),
        seed=derive_seed(wanted.seed, "recorder"),
        faults=tuple(
            _fault_on_processors(fault, wanted.n_processors) for fault in wanted.faults if fault in RECORDER_FAULTS
        ),
    )


def _fault_on_processors(fault: RecorderFault, n_processors: int) -> Fault:
    """Return a fault with its processors: the last one alone for pauses and resets, else every one."""
    every = tuple(range(1, n_processors + 1))
    return Fault(fault, every[-1:] if fault in ("pause", "reset") else every)


def _draw_events(wanted: MadeSession, rows: tuple[JournalRow, ...]) -> SessionEvents:
    shown = [row for row in rows if isinstance(row, Presentation)]
    patch = patch_times(
        shown,
        latency_s=_DISPLAY_LATENCY_S,
        frame_s=1 / _REFRESH_HZ,
        seed=wanted.seed,
        jitter_s=_PATCH_JITTER_S,
        late_frame_probability=0.0,
    )
    end_s = shown[-1].offset_s + _TAIL_S
    return SessionEvents(rows, _steady_spikes(wanted, end_s), patch, end_s)


def _steady_spikes(wanted: MadeSession, end_s: float) -> SpikeTrains:
    """Draw Poisson spikes with a dead time, so that no two of an electrode overlap."""
    times, electrodes = [], []
    n_drawn = int(2 * _RATE_HZ * end_s) + 10
    for electrode in range(1, wanted.n_channels + 1):
        interval = generator(wanted.seed, "spikes", electrode).exponential(1 / _RATE_HZ - _DEAD_TIME_S, n_drawn)
        time_s = np.cumsum(interval + _DEAD_TIME_S)
        times.append(time_s[time_s < end_s])
        electrodes.append(np.full(len(times[-1]), electrode))
    time_s = np.concatenate(times)
    order = np.argsort(time_s, kind="stable")
    return SpikeTrains(time_s[order], np.concatenate(electrodes)[order])


def _truth(recorder: RecorderSetup, events: SessionEvents) -> dict[str, NDArray[Any]]:
    parts = [part for number in recorder.numbers for part in _truth_of(recorder, number, events)]
    return {name: np.concatenate([part[name] for part in parts]) for name in TRUTH.columns}


def _truth_of(recorder: RecorderSetup, number: int, events: SessionEvents) -> Iterator[dict[str, NDArray[Any]]]:
    own = recorder.own(number)
    spikes = events.spikes
    mine = (spikes.electrode_id >= own.start) & (spikes.electrode_id < own.stop)
    n_onsets, n_spikes = len(events.patch.on_s), int(mine.sum())
    for event, time_s, ordinal, electrode in (
        (ONSET, events.patch.on_s + HALF_BRIGHT_S, np.arange(n_onsets), np.full(n_onsets, -1)),
        (SPIKE, spikes.time_s[mine], np.full(n_spikes, -1), spikes.electrode_id[mine] - own.start + 1),
    ):
        clock_segment, tick = locate(recorder, number, events, time_s)
        yield {
            "event": np.full(len(time_s), event),
            "processor": np.full(len(time_s), number),
            "ordinal": ordinal,
            "electrode_id": electrode,
            "epoch": clock_segment,
            "tick": tick,
        }
