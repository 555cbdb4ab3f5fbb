"""Schedule: the session folder for the rig. An image and its changed twins are kept apart; else the order is random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.session import (
    PRESENTATIONS,
    CodeSettings,
    ScreenSettings,
    ScriptedMonkey,
    SessionDocument,
    TrialSettings,
)
from closedloop.artifacts.day_files import StimulusSet, read_stimulus_set
from closedloop.artifacts.protocol.protocol import Protocol, session_hours
from closedloop.artifacts.tables import write_table
from closedloop.errors import ProtocolError
from closedloop.stages.context import StageContext
from closedloop.stimuli.sequences import spread_order, twin_separation

_MINUTES_PER_HOUR = 60


def run(context: StageContext) -> None:
    """Write session.json, presentations.parquet and images.npy."""
    stimuli = read_stimulus_set(context.paths, context.day)
    shown = np.repeat(np.arange(len(stimuli.images)), stimuli.columns["repetitions"])
    order = spread_order(stimuli.columns["clean_index"][shown], seed=context.seed("order"))
    image_index = shown[order]
    _check_twins(context, stimuli, image_index)
    _write_presentations(context, stimuli, image_index)
    np.save(context.working / "images.npy", stimuli.images)
    session_document(context, n_presentations=len(image_index), n_images=len(stimuli.images)).write(
        context.working / "session.json"
    )


def _write_presentations(context: StageContext, stimuli: StimulusSet, image_index: NDArray[np.int64]) -> None:
    columns = {
        "presentation_index": np.arange(len(image_index)),
        "stimulus_id": stimuli.columns["stimulus_id"][image_index],
        "image_index": image_index,
        "repetition": _repetition_numbers(image_index),
    }
    write_table(context.working / "presentations.parquet", PRESENTATIONS, columns, simulated=context.simulated)


def _repetition_numbers(image_index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count, for each presentation, how often its image came before."""
    order = np.argsort(image_index, kind="stable")
    ordered = image_index[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    run_length = np.diff(np.r_[first, len(ordered)])
    repetition = np.empty_like(image_index)
    repetition[order] = np.arange(len(ordered)) - np.repeat(first, run_length)
    return repetition


def _check_twins(context: StageContext, stimuli: StimulusSet, image_index: NDArray[np.int64]) -> None:
    n_presentations = len(image_index)
    hours = session_hours(context.protocol, n_presentations=n_presentations)
    minutes = hours * _MINUTES_PER_HOUR / n_presentations
    separation = twin_separation(image_index, stimuli.columns["clean_index"]) * minutes
    wanted = context.protocol.presentation.twin_separation_min
    if len(separation) and separation.min() < wanted:
        raise ProtocolError(
            f"{context.paths.protocol}, presentation.twin_separation_min: expected {wanted:g} min between an image and "
            f"its twin, found {separation.min():.2f} min in this session. Lower it, or attack more different images."
        )


def session_document(context: StageContext, *, n_presentations: int, n_images: int) -> SessionDocument:
    """Build session.json from the protocol."""
    protocol = context.protocol
    monkey = ScriptedMonkey(
        seed=context.seed("monkey"),
        ignore_probability=protocol.simulation.ignore_probability,
        leave_early_probability=protocol.simulation.leave_early_probability,
    )
    return SessionDocument(
        simulated=context.simulated,
        session_id=f"{context.study.study_id}-day-{context.day:02d}",
        study_id=context.study.study_id,
        subject=context.study.subject,
        day=context.day,
        seed=context.seed("put back"),
        n_presentations=n_presentations,
        n_images=n_images,
        image_side_px=protocol.images.side_px,
        screen=_screen(protocol),
        trial=_trial(protocol),
        codes=CodeSettings(),
        monkey=monkey if context.simulated else None,
    )


def _screen(protocol: Protocol) -> ScreenSettings:
    timing = protocol.presentation
    return ScreenSettings(
        refresh_hz=timing.refresh_hz,
        width_px=timing.screen_width_px,
        height_px=timing.screen_height_px,
        cm_per_px=timing.screen_cm_per_px,
        image_scale=timing.image_scale,
        visual_angle_deg=timing.visual_angle_deg,
        grey_level=timing.grey_level,
        full_screen=timing.full_screen,
    )


def _trial(protocol: Protocol) -> TrialSettings:
    timing, trial = protocol.presentation, protocol.trial
    return TrialSettings(
        on_frames=timing.on_frames,
        off_frames=timing.off_frames,
        presentations_per_trial=timing.per_trial,
        acquire_timeout_ms=trial.acquire_timeout_ms,
        hold_ms=trial.hold_ms,
        fixation_window_deg=trial.fixation_window_deg,
        saccade_boxcar_samples=trial.saccade_boxcar_samples,
        intertrial_ms=trial.intertrial_ms,
        reward_ms=trial.reward_ms,
        misses_before_time_out=trial.misses_before_time_out,
        time_out_ms=trial.time_out_ms,
        fixation_dot_px=trial.fixation_dot_px,
    )
