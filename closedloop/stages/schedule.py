"""Schedule: the session folder for the rig. An image and its changed twins are kept apart; else the order is random."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.day.session import SessionDocument, TwinSettings
from closedloop.artifacts.protocol.protocol import Protocol, session_hours
from closedloop.artifacts.stimulus_set import StimulusSet, read_stimulus_set
from closedloop.errors import ProtocolError
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.session import codes, screen_of, scripted_monkey_of, trial_of
from closedloop.stimuli.sequences import move_twins_apart, spread_order, twin_separation
from closedloop.storage.arrays import save_array

WholeNumbers = Sequence[int] | NDArray[np.int64]

_MINUTES_PER_HOUR = 60
_A_HAIR = 1 + 1e-12  # so that minutes that were divided and multiplied again are not less than were asked for


def run(context: StageContext) -> None:
    """Write session.json, presentations.parquet and images.npy."""
    protocol, study = context.protocol, context.study
    stimuli = read_stimulus_set(context.read, context.day)
    image_index, nearest_min = order_presentations(
        stimuli.columns["clean_index"], stimuli.columns["repetitions"], protocol, seed_of=context.seed
    )
    if nearest_min < protocol.presentation.twin_separation_min:
        said = twins_too_near(protocol, nearest_min, where="in this session")
        raise ProtocolError(f"{context.paths.protocol}, {said}")
    monkey = scripted_monkey_of(protocol.simulation, seed=context.seed("monkey"))
    session = SessionDocument(
        simulated=context.simulated,
        session_id=f"{study.study_id}-{context.block.folder_name}",
        study_id=study.study_id,
        subject=study.subject,
        day=context.day,
        block=context.block.number,
        seed=context.seed("put back"),  # of the requeueing; the name decides the seed and stays
        n_presentations=len(image_index),
        n_images=len(stimuli.images),
        image_side_px=protocol.images.side_px,
        screen=screen_of(protocol.presentation),
        trial=trial_of(protocol.presentation, protocol.trial),
        codes=codes(),
        monkey=monkey if context.simulated else None,
        twins=_twins(image_index, stimuli.columns["clean_index"]),
    )
    context.write(catalog.PRESENTATIONS, _presentation_columns(stimuli, image_index))
    save_array(context.output(catalog.SESSION_IMAGES), stimuli.images)
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


def order_presentations(
    clean_index: WholeNumbers, repetitions: WholeNumbers, protocol: Protocol, *, seed_of: Callable[..., int]
) -> tuple[NDArray[np.int64], float]:
    """Put a day's presentations in order; where twins are too near in it, some change places.

    It needs the numbers of a day alone, no image: what it cannot keep is known before attacks are made.

    Parameters
    ----------
    clean_index, repetitions
        For each image, the clean image it was made from (itself, where it is clean), and how often it is shown.
    protocol
        Its sections presentation and trial decide.
    seed_of
        Gives a seed by names, as `StageContext.seed` does.

    Returns
    -------
    tuple
        The image of each presentation, and the planned minutes between the nearest twins; infinite without twins.
    """
    clean_of = np.asarray(clean_index, dtype=np.int64)
    shown = np.repeat(np.arange(len(clean_of)), np.asarray(repetitions, dtype=np.int64))
    minutes_each = session_hours(protocol, n_presentations=len(shown)) * _MINUTES_PER_HOUR / len(shown)
    wanted_min = protocol.presentation.twin_separation_min
    order = shown[spread_order(clean_of[shown], seed=seed_of("order"))]
    if _nearest_twins(order, clean_of) * minutes_each < wanted_min:
        least = math.ceil(wanted_min / minutes_each * _A_HAIR)
        order = move_twins_apart(order, clean_of, least=least, seed=seed_of("order", "apart"))
    return order, _nearest_twins(order, clean_of) * minutes_each


def _twins(order: NDArray[np.int64], clean_index: NDArray[np.int64]) -> TwinSettings | None:
    least = _nearest_twins(order, clean_index)
    if math.isinf(least):
        return None
    return TwinSettings(least_presentations=int(least), clean_of_image=tuple(map(int, clean_index)))


def _nearest_twins(order: NDArray[np.int64], clean_index: NDArray[np.int64]) -> float:
    """Return the fewest presentations between twins; infinite where there are none."""
    separation = twin_separation(order, clean_index)
    return float(separation.min()) if len(separation) else math.inf


def two_digits(minutes: float) -> float:
    """Round minutes to two digits, never up: what can be kept at most is said so that it can be typed and is kept."""
    if minutes == 0:
        return 0.0
    exponent = math.floor(math.log10(minutes)) - 1
    return float(f"{math.floor(minutes * 10.0**-exponent)}e{exponent}")


def twins_too_near(protocol: Protocol, kept_min: float, *, where: str) -> str:
    """Say that a separation cannot be kept, and which can.

    Parameters
    ----------
    protocol
        Asks for it.
    kept_min
        How many minutes can be kept at best.
    where
        In which session.
    """
    wanted = protocol.presentation.twin_separation_min
    return (
        f"presentation.twin_separation_min: expected {wanted:g} min between an image and its twin, found that "
        f"{two_digits(kept_min):g} min can be kept {where}. Lower it to that, or attack more different images."
    )
