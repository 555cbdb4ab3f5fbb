"""What was shown, as NWB's trials (a row an image, the laboratory's columns first), and the fixations around it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pynwb.epoch import TimeIntervals

from closedloop.artifacts.day.journal_rows import Presentation, TrialEnded, TrialStarted
from closedloop.exchange.nwb.session import ExportedSession
from closedloop.exchange.nwb.tables import Described, vector_columns

_OF_STIMULUS = {
    "kind": "what the image is: clean, attacked, a control ...",
    "role": "what the underlying clean image is",
    "category": "of the underlying image",
    "image_id": "name of the underlying image in its pool",
}


def shown_rows(session: ExportedSession) -> NDArray[np.int64]:
    """Return the presentations that stand in the trials: those with an onset that were up for a frame at least."""
    frames = np.array([row.on_frames for row in session.presentations])
    return np.flatnonzero(np.isfinite(session.onset_s) & (frames > 0))


def trials_of(session: ExportedSession) -> TimeIntervals:
    """Return a row for every presentation with an onset.

    A presentation without one is left out: nothing says when it was.
    """
    rows = shown_rows(session)
    shown = [session.presentations[row] for row in rows]
    start = session.onset_s[rows]
    up_s = np.array([one.offset_s - one.onset_s for one in shown])
    columns = {
        "start_time": Described(start, "stimulus onset, on the screen"),
        "stop_time": Described(start + np.maximum(up_s, 1e-3), "and its end"),
        **_of_laboratory(session, shown),
        **_of_presentation(session, rows, shown),
    }
    made = vector_columns(columns)
    return TimeIntervals(
        name="trials",
        description=f"Presentations of images, a row each. {len(session.onset_s) - len(rows)} without a known onset, "
        "or never up, are left out.",
        columns=made,
        colnames=[one.name for one in made],
    )


def _of_laboratory(session: ExportedSession, shown: list[Presentation]) -> dict[str, Described]:
    """Return the columns that laboratories of this field publish."""
    frame_ms = 1000 / session.journal.launches[0].refresh_hz
    angle = session.document.screen.visual_angle_deg
    hashes = [one.stimulus_id for one in shown]
    return {
        "stimuli_presentation_time_ms": Described(
            np.array([one.on_frames * frame_ms for one in shown]), "how long the image was up, counted by frames"
        ),
        "inter_stimuli_interval_ms": Described(
            np.array([one.planned_off_frames * frame_ms for one in shown]), "grey after it, as planned"
        ),
        "stimulus_presented": Described(_integers(shown, "image_index"), "place of the image in order_of_images"),
        "fixation_correct": Described(_accepted(shown), "whether fixation was held, and nothing else went wrong"),
        "stimulus_order_in_trial": Described(_integers(shown, "position") + 1, "place within the fixation, from 1"),
        "stimulus_size_degrees": Described(np.full(len(shown), angle), "side of the image"),
        "image_hash": Described(hashes, "content hash of the bytes shown: the name of the image in this file"),
        "stimulus_filename": Described([f"{name}.png" for name in hashes], "what the image is called outside of it"),
    }


def _of_presentation(
    session: ExportedSession, rows: NDArray[np.int64], shown: list[Presentation]
) -> dict[str, Described]:
    responses, stimuli = session.responses, session.stimuli
    image = _integers(shown, "image_index")
    names = {one.site_index: one.neuroid_id for one in session.sites.chosen()}
    attacked = [names.get(index, "") for index in stimuli["site_index"][image].tolist()]
    epsilon = stimuli["epsilon"][image]
    return {
        "ordinal": Described(_integers(shown, "ordinal"), "count of the presentations begun in the session, from 0"),
        "trial_index": Described(_integers(shown, "trial") + 1, "row of fixation_trials' trial_index, from 1"),
        "repetition": Described(_integers(shown, "repetition") + 1, "which showing of the image, from 1"),
        "accepted": Described(_accepted(shown), "whether the rig accepted it"),
        "used": Described(responses["used"][rows].astype(bool), "whether its spike counts stand"),
        "reason": Described(responses["reason"][rows], "why not, or on which processor not; else empty"),
        **_left_out(session, rows),
        "onset_source": Described(responses["onset_source"][rows], "what timed the onset: photodiode, code or fit"),
        **{name: Described(stimuli[name][image], meaning) for name, meaning in _OF_STIMULUS.items()},
        "clean_image": Described(
            stimuli["clean_index"][image].astype(np.int64), "place of the underlying image in order_of_images"
        ),
        "attacked_site": Described(attacked, "neuroid_id of the site that it was made for; else empty"),
        "epsilon": Described(np.where(epsilon > 0, epsilon, np.nan), "budget (224-px L2); NaN of an unchanged image"),
        "digital_code": Described(_integers(shown, "code"), "sent to the recorder with it"),
    }


def _left_out(session: ExportedSession, rows: NDArray[np.int64]) -> dict[str, Described]:
    words = session.left_out[0][rows]
    meaning = "what people left it out of: fit, evaluation, or fit and evaluation; else empty"
    return {"left_out": Described(words, meaning)} if (words != "").any() else {}


def _integers(shown: list[Presentation], name: str) -> NDArray[np.int64]:
    return np.array([getattr(one, name) for one in shown], np.int64)


def _accepted(shown: list[Presentation]) -> NDArray[np.bool_]:
    return np.array([one.outcome == "accepted" for one in shown], bool)


def fixation_trials_of(session: ExportedSession) -> TimeIntervals | None:
    """Return a row for every trial of the rig that ended; None where there is not more than one."""
    begun = dict[int, float]()
    found = list[dict[str, Any]]()
    for launch, row in session.rows_by_launch():
        if isinstance(row, TrialStarted):
            begun[row.trial] = session.rig_seconds(launch, row.time_s)
        elif isinstance(row, TrialEnded) and row.trial in begun:
            start, stop = begun.pop(row.trial), session.rig_seconds(launch, row.time_s)
            if stop > start:
                found.append(
                    {"start_time": start, "stop_time": stop, "trial_index": row.trial + 1}
                    | {"outcome": row.outcome, "reward_ms": row.reward_ms}
                )
    if len(found) < 2:
        return None
    meanings = {
        "start_time": "the fixation point went on, by the rig's clock and the images around",
        "stop_time": "the trial ended",
        "trial_index": "of the rig, from 1",
        "outcome": "completed, broken or ignored",
        "reward_ms": "how long the valve was open",
    }
    made = vector_columns(
        {name: Described(np.array([row[name] for row in found]), text) for name, text in meanings.items()}
    )
    return TimeIntervals(
        name="fixation_trials",
        description="Trials of the rig: one held fixation with several images, or an attempt at it.",
        columns=made,
        colnames=[one.name for one in made],
    )
