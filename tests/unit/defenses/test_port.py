"""Recalls of an image depend on the image alone; recalls become one answer by three rules."""

from __future__ import annotations

import pytest
import torch

from closedloop.defenses.carso import Carso, untrained_purifier
from closedloop.defenses.classifier import untrained_classifier
from closedloop.defenses.port import aggregate, draw_latent
from tests.unit.defenses.digits import digits, trained_classifier

torch.set_num_threads(1)


def carso() -> Carso:
    network = trained_classifier()
    return Carso(network, untrained_purifier(64, network.n_represented, seed=2)).eval()


def test_an_images_recalls_do_not_depend_on_its_neighbours_nor_on_how_many_there_are() -> None:
    several, one = draw_latent([5, 6, 7], n_recalls=4, n_latent=3), draw_latent([6], n_recalls=2, n_latent=3)
    assert torch.equal(several[1, :2], one[0])
    assert not torch.equal(several[0], several[1])


def test_a_recall_is_an_image_and_what_is_read_is_read_from_it() -> None:
    images, _ = digits()[1].tensors(slice(0, 3))
    latent = draw_latent(range(3), n_recalls=5, n_latent=41)
    defense = carso()
    recalls = defense.sample(images, latent)
    assert recalls.shape == (3, 5, 64)
    assert recalls.min() >= 0
    assert recalls.max() <= 1
    assert torch.allclose(defense.predict(images, latent)[1, 2], defense.classifier(recalls[1, 2][None])[0], atol=1e-5)


def test_a_recall_sees_the_image_through_the_representation_alone() -> None:
    network = untrained_classifier(64, 10, seed=0).eval()
    torch.nn.init.zeros_(network.first[0].weight)  # every image is represented alike
    defense = Carso(network, untrained_purifier(64, network.n_represented, seed=2)).eval()
    images, _ = digits()[1].tensors(slice(0, 2))
    latent = draw_latent([9, 9], n_recalls=1, n_latent=41)
    first, second = defense.sample(images, latent)
    assert torch.equal(first, second)


@pytest.mark.parametrize(("rule", "answer"), [("mode", 1), ("logits", 0), ("probabilities", 2)])
def test_the_rules_can_disagree(rule: str, answer: int) -> None:
    weak, strong = [0.0, 0.1, -50.0], [30.0, 0.0, 35.0]
    logits = torch.tensor([[weak, weak, weak, strong, strong]])
    assert int(aggregate(logits, rule).argmax()) == answer


def test_equal_votes_go_to_the_class_of_the_larger_probability() -> None:
    logits = torch.tensor([[[0.0, 5.0, 0.0], [0.1, 0.0, 0.0]]])
    assert int(aggregate(logits, "mode").argmax()) == 1
