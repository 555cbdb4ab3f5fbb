"""Attacks on classifiers: against foolbox, and against what a linear classifier's attacks must be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from closedloop.attacks.balls import LInf
from closedloop.defenses.attacks.apgd import apgd
from closedloop.defenses.attacks.deepfool import deepfool, within
from closedloop.defenses.attacks.gradient_steps import PgdSettings, fgsm, pgd
from tests.unit.defenses.digits import digits, trained_classifier
from tests.unit.defenses.oracle import foolbox

torch.set_num_threads(1)
N = 120


def some_digits() -> tuple[Tensor, Tensor]:
    return digits()[1].tensors(slice(0, N))


def radii(radius: float) -> Tensor:
    return torch.full((N,), radius)


def theirs(attack: foolbox.attacks.base.Attack, radius: float) -> Tensor:
    """The images of foolbox's attack, in its ball."""
    model = foolbox.PyTorchModel(trained_classifier(), bounds=(0, 1), device="cpu")
    _, clipped, _ = attack(model, *some_digits(), epsilons=radius)
    return clipped


@pytest.mark.parametrize("radius", [0.05, 0.3])
def test_fgsm_is_foolboxs(radius: float) -> None:
    images, classes = some_digits()
    ours = fgsm(trained_classifier(), images, classes, radii=radii(radius))
    assert torch.allclose(ours, theirs(foolbox.attacks.LinfFastGradientAttack(), radius), atol=1e-6)


@pytest.mark.parametrize("radius", [0.05, 0.3])
def test_pgd_from_the_image_is_foolboxs(radius: float) -> None:
    images, classes = some_digits()
    settings = PgdSettings(steps=10, step_fraction=0.25)
    ours = pgd(
        trained_classifier(), images, classes, radii=radii(radius), start=torch.zeros_like(images), settings=settings
    )
    attack = foolbox.attacks.LinfProjectedGradientDescentAttack(rel_stepsize=0.25, steps=10, random_start=False)
    assert (ours - theirs(attack, radius)).abs().mean() < 1e-4


@pytest.mark.parametrize("radius", [0.05, 0.15])
def test_deepfool_leaves_as_many_right_as_foolboxs(radius: float) -> None:
    images, classes = some_digits()
    ours = within(deepfool(trained_classifier(), images, classes), images, radius=radius)
    other = theirs(foolbox.attacks.LinfDeepFoolAttack(), radius)
    right = [(trained_classifier()(one).argmax(dim=1) == classes).float().mean().item() for one in (ours, other)]
    assert right[0] == pytest.approx(right[1], abs=0.01)
    assert 0.0 < right[0] < 0.95 or radius > 0.1


def test_apgd_finds_the_wrong_classes_that_a_linear_classifier_has_in_the_ball_and_no_others() -> None:
    generator = torch.Generator().manual_seed(3)
    weights = torch.randn((4, 20), generator=generator)
    images = 0.3 + 0.4 * torch.rand((200, 20), generator=generator)  # the box cuts nothing of the ball

    def score(asked: Tensor) -> Tensor:
        return (asked - 0.5) @ weights.T

    scores, radius = score(images), 0.02
    classes = scores.argmax(dim=1)
    gaps = scores.gather(1, classes[:, None]) - scores
    reach = radius * (weights[classes][:, None] - weights[None]).abs().sum(dim=2)
    can_be_wrong = ((gaps < reach) & (torch.arange(4) != classes[:, None])).any(dim=1)
    start = LInf().start(torch.full((200,), radius), shape=(20,), seeds=range(200))
    found = torch.zeros(200, dtype=torch.bool)
    for loss in ("cross_entropy", "margin_ratio"):
        attacked = apgd(score, images, classes, radii=torch.full((200,), radius), start=start, loss=loss)
        found |= score(attacked).argmax(dim=1) != classes
        assert (attacked - images).abs().max() <= radius + 1e-6
    assert 20 < int(can_be_wrong.sum()) < 180
    assert not (found & ~can_be_wrong).any()
    assert found.sum() >= 0.97 * can_be_wrong.sum()  # ascent may end at a class that lies beyond the ball


def test_apgd_leaves_no_more_right_than_pgd_of_as_many_steps() -> None:
    images, classes = some_digits()
    start = torch.zeros_like(images)
    at = {"radii": radii(0.1), "start": start}
    settings = PgdSettings(steps=30)
    by_pgd = pgd(trained_classifier(), images, classes, **at, settings=settings)
    by_apgd = apgd(trained_classifier(), images, classes, **at, steps=30)
    right = [(trained_classifier()(one).argmax(dim=1) == classes).sum().item() for one in (by_apgd, by_pgd)]
    assert right[0] <= right[1] < N


@pytest.mark.parametrize("attack", ["fgsm", "pgd", "deepfool"])
def test_every_attack_stays_in_ball_and_box(attack: str) -> None:
    images, classes = some_digits()
    network, start = trained_classifier(), torch.ones_like(images) * 0.2
    found = {
        "fgsm": lambda: fgsm(network, images, classes, radii=radii(0.2)),
        "pgd": lambda: pgd(network, images, classes, radii=radii(0.2), start=start),
        "deepfool": lambda: within(deepfool(network, images, classes), images, radius=0.2),
    }[attack]()
    assert (found - images).abs().max() <= 0.2 + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.isfinite(found.numpy()).all()
