"""Small experiments of noise images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from closedloop.artifacts.discrimination.experiment import DiscriminationTask, OpenExperiment
from closedloop.studies.discrimination.preparation.design import SessionPlan
from closedloop.studies.discrimination.preparation.folder import LaboratoryFiles, prepare_experiment
from closedloop.studies.discrimination.preparation.stimuli import PerturbedImage, StimulusPairs, gather_pairs

SIDE_PX = 16


def noise_pairs(n: int = 8, *, epsilons: tuple[float, ...] = (1.0, 10.0)) -> StimulusPairs:
    """Return noise images, one perturbed at each epsilon."""
    random = np.random.default_rng(3)
    found = []
    for image in range(n):
        clean = random.integers(20, 236, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
        for epsilon in epsilons:
            change = random.integers(1, 3 + round(epsilon), clean.shape, dtype=np.uint8)
            found.append(PerturbedImage(f"image-{image}", clean, clean + change, epsilon))
    return gather_pairs(found, source="noise")


def small_experiment(
    root: Path,
    *,
    n_sessions: int = 4,
    pairs_a_session: int = 5,
    catch_every: int = 10,
    simulated: bool = False,
    task: DiscriminationTask | None = None,
    brought: LaboratoryFiles | None = None,
) -> OpenExperiment:
    """Prepare a small experiment."""
    return prepare_experiment(
        root,
        noise_pairs(),
        SessionPlan(n_sessions, pairs_a_session, catch_every),
        task=task or DiscriminationTask(),
        brought=brought or LaboratoryFiles(),
        simulated=simulated,
    )
