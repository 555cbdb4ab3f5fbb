"""Whether the intervals hold what they claim: whole experiments simulated anew, in pieces, and the truth looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.analysis.discrimination.estimates import Detection, estimate_detection
from closedloop.artifacts.discrimination.experiment import KINDS
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.tables import Columns
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.shards import made_once, shard_name
from closedloop.execution.stored.piece import shard_piece
from closedloop.execution.workers import Workers
from closedloop.storage import resolved
from closedloop.studies.discrimination.documents import INTERVAL_CHECKS
from closedloop.studies.discrimination.observers import (
    ObserverLaw,
    answer_trials,
    image_effects,
    true_correct,
    true_d_prime,
)
from closedloop.studies.discrimination.tables import binomial_interval

_FORMAT = "discrimination coverage 1"
_NAMES = ("holds",)
_PER_SHARD = 20  # simulated studies
LAWS = {
    "alike": ObserverLaw(sd_subjects=0.0, sd_images=0.0, sd_criterion=0.0, lapse_rate=0.0, time_out_rate=0.0),
    "differing": ObserverLaw(),
}
"""Observers of one known d', and observers who differ as people may."""


@dataclass(frozen=True)
class CheckedDesign:
    """What is simulated again and again.

    Attributes
    ----------
    n_subjects, n_images
        Subjects, each of whom sees all images at every epsilon in all four kinds of trial.
    epsilons
        Ascending.
    n_studies
        Simulated studies.
    seed
        Decides all of them.
    """

    n_subjects: int
    n_images: int
    epsilons: tuple[float, ...]
    n_studies: int
    seed: int


@dataclass(frozen=True)
class CheckShard:
    """Some simulated studies of one kind of observers."""

    design: CheckedDesign
    observers: str
    first: int
    folder: Path

    @property
    def studies(self) -> range:
        """Which."""
        return range(self.first, min(self.first + _PER_SHARD, self.design.n_studies))

    @property
    def path(self) -> Path:
        """Its file, named by all that decides what is in it; other numbers of studies share it."""
        design = repr(replace(self.design, n_studies=0))
        law = repr(LAWS[self.observers])
        return self.folder / f"{shard_name(_FORMAT, __version__, design, law, repr(self.studies))}.npz"


def check_intervals(design: CheckedDesign, folder: Path, *, workers: Workers, progress: ProgressCallback) -> Columns:
    """Return the table of how often intervals hold the truth (`INTERVAL_CHECKS`).

    Parameters
    ----------
    design
        What is simulated.
    folder
        Of the pieces.
    workers
        Who simulates; what is found does not depend on it.
    progress
        Called with (pieces done, pieces in total).

    Raises
    ------
    ExecutionError, StorageError
        Workers were lost, or the disk is full; what was done is kept.
    """
    shards = {
        name: [CheckShard(design, name, first, resolved(folder)) for first in range(0, design.n_studies, _PER_SHARD)]
        for name in LAWS
    }
    every = [shard for own in shards.values() for shard in own]
    left = [shard for shard in every if not shard.path.exists()]
    progress(len(every) - len(left), len(every))
    run_pieces(
        [shard_piece(leave_checks, shard) for shard in left],
        workers,
        lambda n_done: progress(len(every) - len(left) + n_done, len(every)),
    )
    rows = [row for name, own in shards.items() for row in _rows(design, name, own)]
    return {name: np.array([row[name] for row in rows]) for name in INTERVAL_CHECKS.columns}


def _rows(design: CheckedDesign, name: str, shards: Sequence[CheckShard]) -> list[dict[str, object]]:
    holds = np.concatenate([read_shard(shard.path, names=_NAMES)["holds"] for shard in shards])
    shares = holds.mean(axis=0)
    return [
        {
            "observers": name,
            "epsilon": epsilon,
            "true_correct": true_correct(LAWS[name], epsilon),
            "true_d_prime": true_d_prime(LAWS[name], epsilon),
            "n_studies": len(holds),
            **dict(zip(("correct", "d_prime", "binomial"), shares[place].tolist(), strict=True)),
        }
        for place, epsilon in enumerate(design.epsilons)
    ]


def leave_checks(shard: CheckShard) -> None:
    """Simulate the studies of a piece, unless its file is there, and leave the file."""
    made_once(shard.path, lambda path: write_shard({"holds": _holds(shard)}, path))


def _holds(shard: CheckShard) -> NDArray[np.bool_]:
    """Return whether each interval holds the truth, (n_studies, n_epsilons, 3)."""
    law, found = LAWS[shard.observers], []
    for study in shard.studies:
        for epsilon in shard.design.epsilons:
            seed = derive_seed(shard.design.seed, "discrimination", "check", shard.observers, study, f"{epsilon:g}")
            detection = simulate_study(law, epsilon, shard.design, seed=seed)
            correct, d_prime = true_correct(law, epsilon), true_d_prime(law, epsilon)
            intervals = (detection.correct.interval, detection.d_prime_interval, binomial_interval(detection))
            truths = (correct, d_prime, correct)
            found.append([low <= truth <= high for (low, high), truth in zip(intervals, truths, strict=True)])
    return np.array(found, dtype=bool).reshape(len(shard.studies), len(shard.design.epsilons), 3)


def simulate_study(law: ObserverLaw, epsilon: float, design: CheckedDesign, *, seed: int) -> Detection:
    """Simulate one study at one epsilon and estimate from its answers.

    Parameters
    ----------
    law
        How observers see.
    epsilon
        Of all pairs.
    design
        How many subjects and images.
    seed
        Of this study.
    """
    effects = image_effects(law, design.n_images, seed=seed)
    image = np.repeat(np.arange(design.n_images), len(KINDS))
    differs = np.tile([True, True, False, False], design.n_images)
    size = np.full(len(image), epsilon)
    answers = [
        answer_trials(law, size, effects[image], differs, names=(seed, subject, 0))
        for subject in range(design.n_subjects)
    ]
    in_time = np.concatenate([one.in_time for one in answers])
    return estimate_detection(
        np.concatenate([one.said_different for one in answers])[in_time],
        np.tile(differs, design.n_subjects)[in_time],
        subject_index=np.repeat(np.arange(design.n_subjects), len(image))[in_time],
        image_index=np.tile(image, design.n_subjects)[in_time],
        seed=0,
    )
