"""The attack through a defence's recalls: it averages their noise out, and loses nothing that others found."""

from __future__ import annotations

import torch
from torch import Tensor

from closedloop.defenses.attacks.adaptive import AdaptiveSettings, adaptive_attack, margins
from closedloop.defenses.attacks.gradient_steps import pgd
from closedloop.defenses.port import draw_latent
from tests.unit.defenses.digits import digits, trained_classifier

torch.set_num_threads(1)


class NoisyGradients:
    """A linear classifier whose recalls tilt its weights at random, more than these are large."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    @property
    def n_latent(self) -> int:
        return self.weights.numel()

    def sample(self, images: Tensor, latent: Tensor) -> Tensor:
        return images[:, None].expand(-1, latent.shape[1], -1)

    def predict(self, images: Tensor, latent: Tensor) -> Tensor:
        tilted = self.weights + 0.8 * latent.view(*latent.shape[:2], *self.weights.shape)
        return torch.einsum("nkcd,nkd->nkc", tilted, self.sample(images, latent))


def test_more_recalls_a_gradient_find_the_way_that_noise_hides() -> None:
    weights = torch.zeros(3, 12)
    weights[0], weights[1] = -0.3, 0.3  # the sign of the way up from class 0 is +1 everywhere
    defense, images = NoisyGradients(weights), torch.full((40, 12), 0.5)
    classes, radii = torch.zeros(40, dtype=torch.long), torch.full((40,), 0.1)
    at = {"radii": radii, "starts": [torch.zeros_like(images)], "seeds": range(40)}
    share = []
    for recalls in (1, 256):
        settings = AdaptiveSettings(steps=1, recalls=recalls, judged_by=512)
        found = adaptive_attack(defense, images, classes, **at, settings=settings)
        share.append(((found - images) > 0).float().mean().item())
    assert share[1] > 0.95 > share[0]


def test_it_is_no_weaker_than_what_it_is_given() -> None:
    images, classes = digits()[1].tensors(slice(0, 60))
    network, radii = trained_classifier(), torch.full((60,), 0.1)
    found = pgd(network, images, classes, radii=radii, start=torch.zeros_like(images)) - images
    settings = AdaptiveSettings(steps=1, recalls=1, judged_by=1)
    own = adaptive_attack(
        network,
        images,
        classes,
        radii=radii,
        starts=[torch.zeros_like(images)],
        found=[found],
        seeds=range(60),
        settings=settings,
    )
    latent = draw_latent(range(60), n_recalls=1, n_latent=0)
    given = margins(network, images + found, classes, latent)
    assert (margins(network, own, classes, latent) >= given - 1e-6).all()
    assert (own - images).abs().max() <= 0.1 + 1e-6


def test_margins_are_above_zero_where_the_answer_is_wrong() -> None:
    images, classes = digits()[1].tensors(slice(0, 60))
    network = trained_classifier()
    wrong = network(images).argmax(dim=1) != (classes + (torch.arange(60) % 2)) % 10
    shifted = (classes + (torch.arange(60) % 2)) % 10
    latent = draw_latent(range(60), n_recalls=1, n_latent=0)
    assert torch.equal(margins(network, images, shifted, latent) > 0, wrong)
