"""Schedule: the session folder for the rig. An image and its changed twins are kept apart; else the order is random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.protocol.protocol import Protocol, session_hours
from closedloop.artifacts.stimulus_set import StimulusSet, read_stimulus_set
from closedloop.errors import ProtocolError
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.session import codes, screen_of, scripted_monkey_of, trial_of
from closedloop.stimuli.sequences import spread_order, twin_separation

_MINUTES_PER_HOUR = 60


def run(context: StageContext) -> None:
    """Write session.json, presentations.parquet and images.npy."""
    protocol, study = context.protocol, context.study
    stimuli = read_stimulus_set(context.read, context.day)
    shown = np.repeat(np.arange(len(stimuli.images)), stimuli.columns["repetitions"])
    order = spread_order(stimuli.columns["clean_index"][shown], seed=context.seed("order"))
    image_index = shown[order]
    _check_twins(stimuli, image_index, protocol, place=context.paths.protocol)
    monkey = scripted_monkey_of(protocol.simulation, seed=context.seed("monkey"))
    session = SessionDocument(
        simulated=context.simulated,
        session_id=f"{study.study_id}-day-{context.day:02d}",
        study_id=study.study_id,
        subject=study.subject,
        day=context.day,
        seed=context.seed("put back"),  # of the requeueing; the name decides the seed and stays
        n_presentations=len(image_index),
        n_images=len(stimuli.images),
        image_side_px=protocol.images.side_px,
        screen=screen_of(protocol.presentation),
        trial=trial_of(protocol.presentation, protocol.trial),
        codes=codes(),
        monkey=monkey if context.simulated else None,
    )
    context.write(catalog.PRESENTATIONS, _presentation_columns(stimuli, image_index))
    np.save(context.output(catalog.SESSION_IMAGES), stimuli.images)
    context.write(catalog.SESSION, session)


def _presentation_columns(stimuli: StimulusSet, image_index: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    return {
        "presentation_index": np.arange(len(image_index)),
        "stimulus_id": stimuli.columns["stimulus_id"][image_index],
        "image_index": image_index,
        "repetition": _repetition_numbers(image_index),
    }


def _repetition_numbers(image_index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count, for each presentation, how often its image came before."""
    order = np.argsort(image_index, kind="stable")
    ordered = image_index[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    run_length = np.diff(np.r_[first, len(ordered)])
    repetition = np.empty_like(image_index)
    repetition[order] = np.arange(len(ordered)) - np.repeat(first, run_length)
    return repetition


def _check_twins(stimuli: StimulusSet, image_index: NDArray[np.int64], protocol: Protocol, *, place: Path) -> None:
    n_presentations = len(image_index)
    hours = session_hours(protocol, n_presentations=n_presentations)
    minutes = hours * _MINUTES_PER_HOUR / n_presentations
    separation = twin_separation(image_index, stimuli.columns["clean_index"]) * minutes
    wanted = protocol.presentation.twin_separation_min
    if len(separation) and separation.min() < wanted:
        raise ProtocolError(
            f"{place}, presentation.twin_separation_min: expected {wanted:g} min between an image and "
            f"its twin, found {separation.min():.2f} min in this session. Lower it, or attack more different images."
        )
