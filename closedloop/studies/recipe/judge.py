"""How good a day's model is: its gradient beside the cortex's own, and what its attacks reach of the white box.

The hidden truth is read here and nowhere else in the study but to draw spikes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.attacks.gradients.estimators import Draws, GradientEstimator, Plain
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.objectives import response_of
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.both_directions import attacks
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.work import Work
from closedloop.models.site_model import freeze_for_attack, images_to_tensor
from closedloop.simulation.chosen_electrodes import model_of_electrodes
from closedloop.stages.from_protocol.attack import estimator_of
from closedloop.studies.recipe.recipes import FollowedGradient
from closedloop.studies.simulated_subject import StudySubject

Floats = NDArray[np.float64]

EPSILONS = (1.0, 2.5, 10.0)  # section 2 and Fig. 2
_SAMPLES = 8  # shifts that the compared gradient is a mean over
_WHITE_BOX_STEPS = 25
_BATCH = 64
_PROCESSOR = torch.device("cpu")


@dataclass(frozen=True)
class Truth:
    """What the cortex does at the anchors on a day.

    Attributes
    ----------
    gradient
        Of each pair's site at its anchor, (n_pairs, n_values), in any unit.
    white_box
        Size of the change that the cortex's own gradient reaches, SDs, (n_epsilons, n_pairs).
    sigma_hz
        SD of each site over clean images, (n_sites,).
    """

    gradient: NDArray[np.float32]
    white_box: Floats
    sigma_hz: Floats


@dataclass(frozen=True)
class JudgedModel:
    """What a day's model does at the anchors.

    Attributes
    ----------
    cosine
        Between its gradient and the cortex's, (n_pairs,).
    change
        True change along the way that it predicted, SDs, (n_epsilons, n_pairs).
    """

    cosine: Floats
    change: Floats


def read_truth(subject: StudySubject, *, day: int) -> Truth:
    """Ask the cortex what it does at the anchors on a day."""
    model = freeze_for_attack(model_of_electrodes(subject.cortex.response_model(day), subject.sites.tolist()))
    sigma_hz = subject.true_rates_hz(subject.screened, day=day).std(axis=0, ddof=1)
    gradient = _gradients(model, subject, Plain()).flatten(1).numpy()
    change = _attack(model, subject, Method(replace(COSINE, steps=_WHITE_BOX_STEPS)), day=day)
    return Truth(gradient, np.abs(change) / sigma_hz[subject.pairs()[0]], sigma_hz)


def judge(
    model: nn.Module, subject: StudySubject, truth: Truth, *, gradient: FollowedGradient, day: int
) -> JudgedModel:
    """Judge a day's model on the anchors.

    Parameters
    ----------
    model
        Ready for attacks: images (n, 3, side, side) in [0, 1] to the sites' responses, (n, n_sites).
    subject
        Whose model.
    truth
        What the cortex does on the day.
    gradient
        Which the attacks follow.
    day
        On which they are shown.
    """
    averaged = gradient.model_copy(update={"samples": _SAMPLES if gradient.is_random else 1})
    compared = _gradients(model, subject, estimator_of(averaged)).flatten(1)
    cosine = torch.nn.functional.cosine_similarity(compared, torch.from_numpy(truth.gradient)).double().numpy()
    search = replace(COSINE, steps=gradient.steps, step_fraction=1.0)
    change = _attack(model, subject, Method(search, estimator_of(gradient)), day=day)
    return JudgedModel(cosine, change / truth.sigma_hz[subject.pairs()[0]])


def _gradients(model: nn.Module, subject: StudySubject, of: GradientEstimator) -> Tensor:
    """Return the gradient of each pair's site at its anchor, (n_pairs, 3, side, side)."""
    sites, anchors = subject.pairs()
    images = images_to_tensor(subject.anchors, device=_PROCESSOR)[anchors]
    outputs = torch.from_numpy(sites)
    parts = []
    for start in range(0, len(sites), _BATCH):
        own = slice(start, start + _BATCH)
        draws = Draws(tuple(range(start, start + len(sites[own]))), (0,) * len(sites[own]))
        parts.append(of.estimate(partial(_driven, model, outputs[own]), images[own], draws).gradient)
    return torch.cat(parts)


def _driven(model: nn.Module, outputs: Tensor, images: Tensor) -> Tensor:
    """Return each image's response of its own output, (n,)."""
    return response_of(model(images), outputs)


def _attack(model: nn.Module, subject: StudySubject, method: Method, *, day: int) -> Floats:
    """Return the true change of each pair's site along the way predicted, Hz, (n_epsilons, n_pairs)."""
    sites, anchors = subject.pairs()
    items = [
        AttackItem(f"{subject.name}|{day}|{place}|{epsilon:g}", int(anchor), int(site), epsilon)
        for epsilon in EPSILONS
        for place, (site, anchor) in enumerate(zip(sites, anchors, strict=True))
    ]
    work = Work(items, subject.anchors, method, LatticeSettings(steps=0), (+1, -1), _PROCESSOR)
    found = dict(attacks(model, work, batch_size=_BATCH))
    rows = [found[place] for place in range(len(items))]
    after = subject.true_rates_hz(np.stack([row.attacked for row in rows]), day=day)
    before = subject.true_rates_hz(subject.anchors, day=day)[anchors, sites]
    own = after.reshape(len(EPSILONS), len(sites), -1)[:, np.arange(len(sites)), sites]
    predicted = np.array([row.direction for row in rows]).reshape(len(EPSILONS), -1)
    return np.asarray(predicted * (own - before))
