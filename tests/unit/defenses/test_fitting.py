"""Trainings: what they learn, and that a kill between two epochs changes no bit."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from closedloop.defenses.attacks.gradient_steps import pgd
from closedloop.defenses.carso import Carso
from closedloop.defenses.classifier import Classifier
from closedloop.defenses.descent import DescentSettings
from closedloop.defenses.feature_decoder import fit_decoder
from closedloop.defenses.fitting import ClassifierRecipe, PurifierRecipe, fit_classifier, fit_purifier
from closedloop.defenses.foreseen import ForeseenAttacks, attack_batch
from closedloop.defenses.port import aggregate, draw_latent
from closedloop.stimuli.pools import ProceduralPool, load_images
from tests.unit.defenses.digits import digits, trained_classifier

torch.set_num_threads(1)

DESCENT = DescentSettings(epochs=2, learning_rate=0.01, batch_size=128, seed=4)
ATTACKED = ClassifierRecipe(DESCENT, ForeseenAttacks(radii=(0.1,), pgd_steps=2))


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def accuracy(network: Classifier, *, radius: float) -> float:
    images, classes = digits()[1].tensors(slice(None))
    radii = torch.full((len(images),), radius)
    attacked = pgd(network, images, classes, radii=radii, start=torch.zeros_like(images)) if radius else images
    return (network(attacked).argmax(dim=1) == classes).float().mean().item()


def test_a_classifier_resumed_after_an_epoch_is_the_same_to_the_bit(tmp_path: Path) -> None:
    train, _ = digits()
    whole = fit_classifier(ATTACKED, train)
    fit_classifier(ATTACKED, train, until=1, checkpoint=tmp_path / "state.pt")
    torch.manual_seed(99)  # whatever else draws between
    resumed = fit_classifier(ATTACKED, train, checkpoint=tmp_path / "state.pt")
    assert same(whole, resumed)
    assert not same(whole, fit_classifier(ATTACKED, train, until=1))


def test_a_purifier_resumed_after_an_epoch_is_the_same_to_the_bit(tmp_path: Path) -> None:
    train, _ = digits()
    recipe = PurifierRecipe(DESCENT, ForeseenAttacks(radii=(0.1,), pgd_steps=2))
    whole = fit_purifier(recipe, trained_classifier(), train)
    fit_purifier(recipe, trained_classifier(), train, until=1, checkpoint=tmp_path / "state.pt")
    resumed = fit_purifier(recipe, trained_classifier(), train, checkpoint=tmp_path / "state.pt")
    assert same(whole, resumed)


def test_a_training_leaves_the_classifier_and_torchs_own_numbers_as_they_were() -> None:
    train, _ = digits()
    before = [tensor.clone() for tensor in trained_classifier().state_dict().values()]
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit_purifier(PurifierRecipe(DESCENT, ForeseenAttacks((0.1,), 1)), trained_classifier(), train, until=1)
    assert torch.equal(torch.rand(3), expected)
    after = trained_classifier().state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_adversarial_training_withstands_what_the_plain_one_does_not() -> None:
    descent = DescentSettings(epochs=12, learning_rate=0.02, batch_size=64)
    robust = fit_classifier(ClassifierRecipe(descent, ForeseenAttacks(radii=(0.2,), pgd_steps=5)), digits()[0])
    assert accuracy(trained_classifier(), radius=0.0) > 0.9
    assert accuracy(trained_classifier(), radius=0.2) < 0.2
    assert accuracy(robust, radius=0.2) > 0.35


def test_recalls_of_a_trained_purifier_are_read_as_the_images_are() -> None:
    train, test = digits()
    descent = DescentSettings(epochs=10, learning_rate=0.004, batch_size=64)
    purifier = fit_purifier(PurifierRecipe(descent, ForeseenAttacks((0.1,), 2)), trained_classifier(), train)
    images, classes = test.tensors(slice(None))
    latent = draw_latent(range(len(images)), n_recalls=5, n_latent=41)
    with torch.no_grad():
        answers = aggregate(Carso(trained_classifier(), purifier).eval().predict(images, latent), "mode").argmax(dim=1)
    assert (answers == classes).float().mean() > 0.8


def test_a_batch_is_in_equal_parts_clean_and_attacked_at_every_radius() -> None:
    images, classes = digits()[0].tensors(slice(0, 50))
    attacks = ForeseenAttacks(radii=(0.1, 0.3), pgd_steps=3)
    generator = torch.Generator().manual_seed(0)
    attacked = attack_batch(trained_classifier(), images, classes, attacks=attacks, generator=generator)
    largest = (attacked - images).abs().amax(dim=1).view(10, 5)
    expected = torch.tensor([0.0, 0.1, 0.1, 0.3, 0.3]).expand(10, 5)
    assert torch.allclose(largest, expected, atol=1e-6)


def test_a_decoder_learns_to_recall_images_from_a_feature_map() -> None:
    images = load_images(pool := ProceduralPool(0, 16, 4, 30), tuple(one.image_id for one in pool.images()))
    identity = nn.AvgPool2d(2)  # a feature map of half the side
    descent = DescentSettings(epochs=12, learning_rate=0.01, batch_size=20)
    decoder = fit_decoder(identity, lambda clean, _: clean, images, descent=descent)
    shown = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        error = (decoder(identity(shown)) - shown).square().mean().item()
    assert error < 0.4 * shown.var().item()
