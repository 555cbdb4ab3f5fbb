"""The parts of a recipe's loop: probes, judgement, and what a subject is shown."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.attacks.lattice import realised_epsilon
from closedloop.studies.recipe.judge import judge, read_truth
from closedloop.studies.recipe.probes import Contrasts, make_probes
from closedloop.studies.recipe.recipes import FollowedGradient, RecipeProbes
from closedloop.studies.simulated_subject import StudySubject

SUBJECT = StudySubject("simulated", 2022, n_sites=2, n_anchors=3, anchors_a_site=2)


class _Linear(nn.Module):
    """Two sites that answer by the red and the green of an image."""

    def __init__(self, red: float, green: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([float(red), float(green)]))

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, 2)."""
        return images[:, :2].mean(dim=(2, 3)) * self.weight


def _photographs(n: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(60, 190, (n, 32, 32, 3), dtype=np.uint8)


def test_contrasts_are_differences_of_members_and_then_their_mean() -> None:
    contrasts = Contrasts([_Linear(1, 0), _Linear(3, 0), _Linear(8, 3)]).eval()
    answered = contrasts(torch.ones(1, 3, 8, 8))[0].tolist()
    assert answered == [-2, 0, -7, -3, -5, -3, 4, 1]
    assert answered[contrasts.output(1, 1, n_sites=2)] == -3


def test_a_probe_stays_in_its_ball_and_changes_only_what_members_differ_by() -> None:
    images = _photographs(6)
    members = [_Linear(1, 1).eval(), _Linear(2, 1).eval()]  # they differ on red alone
    probes = make_probes(
        members, images, np.zeros(6, dtype=np.int64), probes=RecipeProbes(n_images=6, epsilon=30.0), n_sites=2, seed=1
    )
    assert np.all(realised_epsilon(images, probes) <= 30.0)
    moved = probes.astype(int) - images
    away = np.abs(moved[..., 0].mean(axis=(1, 2)))
    assert np.all(away > 5 * np.abs(moved[..., 1:].mean(axis=(1, 2, 3))))


def test_the_site_may_be_the_one_that_members_dispute_most() -> None:
    images = _photographs(6)
    images[..., 1] = 100  # green says nothing
    images[:3, ..., 1] = 220
    members = [_Linear(1, 1).eval(), _Linear(2, 3).eval()]  # at green's site they part where it is bright
    asked = RecipeProbes(n_images=6, epsilon=30.0, site="disagreement")
    made = make_probes(members, images, np.zeros(6, dtype=np.int64), probes=asked, n_sites=2, seed=1)
    moved = np.abs(made.astype(int) - images).mean(axis=(1, 2))
    assert (moved[:, 1] > moved[:, 0]).tolist() == [True] * 3 + [False] * 3


def test_one_member_is_driven_itself() -> None:
    images = _photographs(4)
    probes = make_probes(
        [_Linear(1, 1).eval()], images, np.ones(4, dtype=np.int64), probes=RecipeProbes(epsilon=30.0), n_sites=2, seed=1
    )
    moved = probes.astype(int) - images
    assert np.all(np.abs(moved[..., 1].mean(axis=(1, 2))) > 5 * np.abs(moved[..., 0].mean(axis=(1, 2))))


def test_the_cortex_judged_as_its_own_model_is_the_white_box() -> None:
    truth = read_truth(SUBJECT, day=1)
    cortex = SUBJECT.cortex.response_model(1)

    class OfSites(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            rates: Tensor = cortex(images)[:, SUBJECT.sites.tolist()]
            return rates

    plain = FollowedGradient(shift=0, blur=0, steps=25)
    judged = judge(OfSites().eval(), SUBJECT, truth, gradient=plain, day=1)
    assert np.allclose(judged.cosine, 1, atol=1e-3)
    assert np.all(judged.change.mean(axis=1) > 0.9 * truth.white_box.mean(axis=1))


def test_what_a_day_answers_depends_on_the_subject_the_day_and_the_block_alone() -> None:
    images, once = _photographs(5), np.ones(5, dtype=np.int64)
    first = SUBJECT.show(images, once, day=1, block="a")
    again = StudySubject("simulated", 2022, n_sites=2).show(images, once, day=1, block="a")
    assert first.tolist() == again.tolist()
    other = SUBJECT.show(images, once, day=1, block="b")
    assert first.tolist() != other.tolist()
    many = SUBJECT.show(images, 400 * once, day=1, block="a")
    truth = SUBJECT.true_rates_hz(images, day=1)
    assert np.allclose(many / truth, 0.93, atol=0.12)  # adaptation takes 6 to 12 %, slow gains the rest
