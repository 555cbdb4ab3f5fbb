"""Simulated observers sit down at an experiment and leave the journals that people would."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.artifacts.discrimination.experiment import DIFFERENT, OpenExperiment
from closedloop.artifacts.discrimination.journal import answers_bytes
from closedloop.artifacts.discrimination.rows import (
    AnswerRow,
    PairAnswered,
    PairBegun,
    SessionFinished,
    SessionLaunched,
)
from closedloop.artifacts.naming import generator
from closedloop.storage import write_bytes
from closedloop.studies.discrimination.observers import ObserverLaw, answer_trials, image_effects

_REFRESH_HZ = 60.0
_LATE_RATE = 0.0005  # frames of a simulated screen that come a frame late
_BETWEEN_MS = 900.0


def simulate_subjects(experiment: OpenExperiment, law: ObserverLaw, *, n_subjects: int, seed: int) -> None:
    """Have simulated subjects answer an experiment's sessions, as many each; a journal that is there stays.

    Parameters
    ----------
    experiment
        A simulated one, with a session or more for each.
    law
        How they see.
    n_subjects
        How many sit down.
    seed
        Decides their eyes and answers.
    """
    effects = effects_of_pairs(experiment, law, seed=seed)
    each = experiment.document.n_sessions // n_subjects
    for number in range(n_subjects):
        subject = f"O{number + 1:02d}"
        for session in range(number * each + 1, (number + 1) * each + 1):
            path = experiment.paths.journal(subject, session)
            if not path.exists():
                write_bytes(path, answers_bytes(_rows(experiment, law, effects, subject, session, seed=seed)))


def effects_of_pairs(experiment: OpenExperiment, law: ObserverLaw, *, seed: int) -> NDArray[np.float64]:
    """Return how much easier each pair is, by its clean image, (n_pairs,): the logarithm of a factor of d'.

    Parameters
    ----------
    experiment
        Whose pairs.
    law
        How observers see.
    seed
        Of the simulated study.
    """
    clean = [pair.clean_index for pair in experiment.document.pairs]
    _, image = np.unique(clean, return_inverse=True)
    return image_effects(law, int(image.max()) + 1, seed=seed)[image]


def _rows(
    experiment: OpenExperiment,
    law: ObserverLaw,
    effects: NDArray[np.float64],
    subject: str,
    session: int,
    *,
    seed: int,
) -> list[AnswerRow]:
    document, trials = experiment.document, experiment.session(session)
    pair = trials["pair_index"]
    epsilon = np.array([document.pairs[one].epsilon if one >= 0 else np.nan for one in pair])
    effect = np.where(pair >= 0, effects[pair], 0.0)
    differs = np.isin(trials["kind"].astype(str), sorted(DIFFERENT))
    found = answer_trials(law, epsilon, effect, differs, names=(seed, subject, session))
    screen = generator(seed, "discrimination", "screen", subject, session)
    frames = _frames(document.task.image_ms), _frames(document.task.gap_ms)
    rows: list[AnswerRow] = [_launch(experiment, subject, session, frames)]
    now_ms = 0.0
    for trial in range(len(pair)):
        intervals = (1 + (screen.uniform(size=2 * frames[0] + frames[1]) < _LATE_RATE)) * 1000.0 / _REFRESH_HZ
        times = np.round(now_ms + np.concatenate([[0.0], np.cumsum(intervals)]), 2)
        said = ("different" if found.said_different[trial] else "same") if found.in_time[trial] else None
        reaction_ms = round(float(found.reaction_ms[trial]), 2) if said else None
        rows.append(PairBegun(line=len(rows), launch=1, trial=trial))
        rows.append(
            PairAnswered(
                line=len(rows),
                launch=1,
                trial=trial,
                first=document.stimulus_ids[trials["first_index"][trial]],
                second=document.stimulus_ids[trials["second_index"][trial]],
                answer="different" if said == "different" else "same" if said else None,
                reaction_ms=reaction_ms,
                n_frames=(frames[0], frames[1], frames[0]),
                frame_ms=tuple(times.tolist()),
            )
        )
        now_ms = float(times[-1]) + (reaction_ms or 1000.0 * document.task.answer_s) + _BETWEEN_MS
    return [*rows, SessionFinished(line=len(rows), launch=1)]


def _frames(ms: float) -> int:
    return max(1, round(ms * _REFRESH_HZ / 1000.0))


def _launch(experiment: OpenExperiment, subject: str, session: int, frames: tuple[int, int]) -> SessionLaunched:
    side_px = experiment.document.image_side_px
    return SessionLaunched(
        line=0,
        experiment_id=experiment.document.experiment_id,
        subject=subject,
        session=session,
        simulated=True,
        launch=1,
        front_end="simulated",
        date=None,
        code_version=__version__,
        refresh_hz=_REFRESH_HZ,
        image_frames=frames[0],
        gap_frames=frames[1],
        device_pixel_ratio=1.0,
        image_px=side_px,
        image_scale=1,
        surface_px=(side_px, side_px),
        images_compared=0,
        consented=False,
    )
