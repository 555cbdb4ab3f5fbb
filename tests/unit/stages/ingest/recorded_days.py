"""A day's session and recording made by hand, spike by spike, so that every count is known beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import journal_bytes
from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    LaunchOpened,
    Presentation,
    SessionEnded,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.session import (
    PRESENTATIONS,
    CodeSettings,
    ScreenSettings,
    ScriptedMonkey,
    SessionDocument,
    TrialSettings,
)
from closedloop.artifacts.tables import write_table
from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.writer import NevBatch, write_nev
from closedloop.simulation.mark import SIMULATED_APPLICATION
from closedloop.stages.context import StageContext
from closedloop.storage import write_bytes
from tests.unit.days import context, stimulus, write_stimuli

SESSION = "abc-day-00"
TICK_HZ = 30_000
LEAD_S = 3.0  # the recorder was started that long before the rig
PER_TRIAL = 6
N_IMAGES, N_REPETITIONS = 24, 2
SHOWN = np.tile(np.arange(N_IMAGES), N_REPETITIONS)
ELECTRODES = (1, 2, 3)


def onset_s(ordinal: int) -> float:
    """Return when a presentation begins, rig's seconds."""
    return round(0.4 + ordinal // PER_TRIAL * 2.0 + ordinal % PER_TRIAL * 0.2, 6)


def journal_rows(*, rejected: tuple[int, ...] = ()) -> Iterator[JournalRow]:
    """Yield a session of whole trials; what is rejected, in the last trial alone, is left when the session stops."""
    assert all(ordinal >= len(SHOWN) - PER_TRIAL for ordinal in rejected), "an earlier one would change the order"
    codes = CodeSettings()
    yield LaunchOpened(
        segment=0,
        session_id=SESSION,
        simulated=True,
        display="headless",
        clock="virtual",
        refresh_hz=60.0,
        first_ordinal=0,
        first_trial=0,
        time_s=0.0,
        utc=None,
    )
    for ordinal, image in enumerate(SHOWN.tolist()):
        trial, position = divmod(ordinal, PER_TRIAL)
        if position == 0:
            yield TrialStarted(trial=trial, code=codes.trial(trial), time_s=trial * 2.0)
        yield Presentation(
            ordinal=ordinal,
            trial=trial,
            position=position,
            presentation_index=ordinal,
            image_index=image,
            stimulus_id=f"{image:016x}",
            repetition=ordinal // N_IMAGES,
            code=codes.presentation(ordinal),
            onset_s=onset_s(ordinal),
            offset_s=round(onset_s(ordinal) + 0.1, 6),
            planned_on_frames=6,
            on_frames=6,
            planned_off_frames=6,
            outcome="rejected" if ordinal in rejected else "accepted",
            reason="frames_dropped" if ordinal in rejected else None,
        )
        if position == PER_TRIAL - 1:
            yield TrialEnded(trial=trial, outcome="completed", reward_ms=120.0, time_s=trial * 2.0 + 1.8)
    yield SessionEnded(
        outcome="stopped" if rejected else "complete",
        n_remaining=len(rejected),
        time_s=len(SHOWN) / PER_TRIAL * 2.0,
    )


@dataclass(frozen=True)
class WrittenDay:
    """What the recorder heard.

    Attributes
    ----------
    spikes
        (ordinal of a presentation, milliseconds after its onset, electrode).
    noise
        The same, in the unit that the recorder's sorting took for noise.
    until_s
        When the recorder stopped, rig's seconds.
    comments
        What was written into the .nev.
    application
        What the .nev says made it.
    """

    spikes: tuple[tuple[int, float, int], ...]
    noise: tuple[tuple[int, float, int], ...] = ()
    until_s: float = 1e9
    comments: tuple[str, ...] = ()
    application: str = SIMULATED_APPLICATION


def expected_counts() -> NDArray[np.int64]:
    """Return spikes in the window, (n_presentations, n_electrodes).

    Electrode 1 counts each image alike in both repetitions, electrode 2 in the second one the other way round, and
    electrode 3 is silent.
    """
    of_image = SHOWN % 7
    again = np.arange(len(SHOWN)) >= N_IMAGES
    return np.stack([of_image, np.where(again, 6 - of_image, of_image), np.zeros_like(of_image)], axis=1)


def spikes_in_window() -> tuple[tuple[int, float, int], ...]:
    """Return the spikes of `expected_counts`, 75 to 165 ms after each onset."""
    return tuple(
        (ordinal, 75.0 + 15 * n, electrode)
        for ordinal, counts in enumerate(expected_counts().tolist())
        for electrode, count in zip(ELECTRODES, counts, strict=True)
        for n in range(count)
    )


def write_day(made: StageContext, recorded: WrittenDay, *, rejected: tuple[int, ...] = ()) -> None:
    """Write what schedule, synthesize, present and a recorder without photodiode leave."""
    rows = tuple(journal_rows(rejected=rejected))
    _session().write(made.path(catalog.SESSION))
    write_stimuli(
        made.paths,
        made.day,
        [stimulus("clean", "anchor" if image == 0 else "clean", image) for image in range(N_IMAGES)],
    )
    write_table(made.path(catalog.PRESENTATIONS), PRESENTATIONS, _planned(), simulated=True)
    write_bytes(made.path(catalog.JOURNAL), journal_bytes(rows))
    _write_nev(made, rows, recorded)


def _planned() -> dict[str, Any]:
    return {
        "presentation_index": np.arange(len(SHOWN)),
        "stimulus_id": [f"{image:016x}" for image in SHOWN.tolist()],
        "image_index": SHOWN,
        "repetition": np.arange(len(SHOWN)) // N_IMAGES,
    }


def _session() -> SessionDocument:
    return SessionDocument(
        simulated=True,
        session_id=SESSION,
        study_id="abc",
        subject="nobody",
        day=0,
        seed=1,
        n_presentations=len(SHOWN),
        n_images=N_IMAGES,
        image_side_px=8,
        screen=ScreenSettings(
            refresh_hz=60.0,
            width_px=800,
            height_px=600,
            cm_per_px=0.05,
            image_scale=8,
            visual_angle_deg=8.0,
            grey_level=128,
        ),
        trial=TrialSettings(
            on_frames=6,
            off_frames=6,
            presentations_per_trial=PER_TRIAL,
            acquire_timeout_ms=2000,
            hold_ms=160,
            fixation_window_deg=2,
            saccade_boxcar_samples=5,
            intertrial_ms=500,
            reward_ms=120,
            misses_before_time_out=5,
            time_out_ms=2500,
            fixation_dot_px=4,
        ),
        codes=CodeSettings(),
        monkey=ScriptedMonkey(seed=1, ignore_probability=0.0, leave_early_probability=0.0),
    )


def _write_nev(made: StageContext, rows: tuple[JournalRow, ...], recorded: WrittenDay) -> None:
    codes = [
        (row.onset_s if isinstance(row, Presentation) else row.time_s, row.code)
        for row in rows
        if isinstance(row, Presentation | TrialStarted)
    ]
    spikes = [
        (onset_s(ordinal) + after_ms / 1000, electrode, unit)
        for found, unit in ((recorded.spikes, 0), (recorded.noise, 255))
        for ordinal, after_ms, electrode in found
    ]
    end = [(len(SHOWN) / PER_TRIAL * 2.0 + 1.0, ELECTRODES[-1], 0)]
    heard_codes = [pair for pair in codes if pair[0] < recorded.until_s]
    heard_spikes = [pair for pair in [*spikes, *end] if pair[0] < recorded.until_s]
    batch = NevBatch(
        spike_tick=_ticks([time for time, _, _ in heard_spikes]),
        spike_electrode=np.array([electrode for _, electrode, _ in heard_spikes]),
        spike_unit=np.array([unit for _, _, unit in heard_spikes]),
        code_tick=_ticks([time for time, _ in heard_codes]),
        code_value=np.array([code for _, code in heard_codes]),
        comment_tick=np.zeros(len(recorded.comments), np.int64),
        comment_text=recorded.comments,
    )
    file = made.path(catalog.EVENTS)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_nev(
        file,
        [NevElectrode(number, f"elec{number}") for number in ELECTRODES],
        specification="2.3",
        batches=[batch],
        start=datetime(2024, 5, 6, tzinfo=UTC),
        application=recorded.application,
    )


def _ticks(time_s: list[float]) -> NDArray[np.int64]:
    return np.rint((np.array(time_s) + LEAD_S) * TICK_HZ).astype(np.int64)


def ingest_context(root: Path, *, day: int = 0, **recording: Any) -> StageContext:
    """Return the surroundings of ingest: one site that must repeat itself, spikes of the NEV."""
    return context(
        root,
        "ingest",
        day=day,
        recording={"spikes_from": "nev"} | recording,
        sites={"n_sites": 1, "min_reliability": 0.9},
    )
