"""Adversarial training: the ball, the gain over plain training, and reproducible files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from closedloop.errors import ProtocolError
from closedloop.models.checkpoints import classifier_details, load_classifier, open_base_model
from closedloop.stimuli.pools import ProceduralPool, load_images
from closedloop.training.adversarial import TrainingRecipe, l2_attack, train_classifier
from closedloop.training.resumable import TrainingProgress
from closedloop.training.shipped import SHIPPED_POOL, SHIPPED_RECIPES

torch.set_num_threads(1)
POOL = ProceduralPool(seed=77, side_px=16, n_categories=4, n_per_category=60)
RECIPE = TrainingRecipe(
    epochs=3, images_per_epoch=96, batch_size=16, evaluation_images=24, evaluation_steps=3, learning_rate=4e-3, seed=5
)


def test_attacked_images_stay_in_the_ball_and_in_the_pixel_range() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(8, 3, 16, 16, generator=generator).round()  # black and white: the range binds everywhere
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 4))
    attacked = l2_attack(network, images, torch.zeros(8, dtype=torch.long), epsilon=0.5, steps=3, generator=generator)
    assert float((attacked - images).flatten(1).norm(dim=1).max()) <= 0.5 + 1e-5
    assert float(attacked.min()) >= 0
    assert float(attacked.max()) <= 1


def test_on_a_linear_classifier_the_attack_turns_to_the_gradient_at_full_length() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(2, 768, generator=generator)
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 2, bias=False))
    with torch.no_grad():
        network[1].weight.copy_(weight)
    images = torch.full((5, 3, 16, 16), 0.5)
    attacked = l2_attack(network, images, torch.zeros(5, dtype=torch.long), epsilon=0.2, steps=10, generator=generator)
    best = weight[1] - weight[0]  # cross entropy of class 0 rises along this direction, whatever the image
    for change in (attacked - images).flatten(1):
        assert float(change.norm()) == pytest.approx(0.2, rel=1e-4)
        # A random start of .5 epsilon and 1.5 epsilon of steps; projecting on the way only turns it further.
        assert float(nn.functional.cosine_similarity(change, best, dim=0)) > 1.5 / (1.5**2 + 0.5**2) ** 0.5 - 0.02


def test_training_writes_a_classifier_with_its_recipe_and_the_accuracies_it_returned(tmp_path: Path) -> None:
    out = tmp_path / "net.safetensors"
    report = train_classifier(RECIPE, POOL, out)
    details = classifier_details(out)
    assert details["recipe"] == dataclasses.asdict(RECIPE)
    assert details["pool"] == POOL.description()
    assert (details["clean_accuracy"], details["robust_accuracy"]) == (report.clean_accuracy, report.robust_accuracy)
    assert details["n_classes"] == 4
    assert report.losses[-1] < report.losses[0]
    assert open_base_model(out, layer="layer2.0").architecture == "small_resnet"


def test_the_same_recipe_gives_the_same_bytes_also_after_a_kill(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.safetensors" for name in "ab"]
    train_classifier(RECIPE, POOL, paths[0])

    def kill(progress: TrainingProgress) -> None:
        if progress.step == 9:  # in the second of three epochs of 6 steps
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train_classifier(RECIPE, POOL, paths[1], checkpoint=tmp_path / "state.pt", progress=kill)
    assert not paths[1].exists()
    steps: list[TrainingProgress] = []
    train_classifier(RECIPE, POOL, paths[1], checkpoint=tmp_path / "state.pt", progress=steps.append)
    assert [step.step for step in steps] == list(range(7, 19))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_another_seed_gives_another_network(tmp_path: Path) -> None:
    short = dataclasses.replace(RECIPE, epochs=1)
    for seed in (1, 2):
        train_classifier(dataclasses.replace(short, seed=seed), POOL, tmp_path / f"{seed}.safetensors")
    first, second = (load_classifier(tmp_path / f"{seed}.safetensors").state_dict() for seed in (1, 2))
    assert not torch.equal(first["fc.weight"], second["fc.weight"])


def test_the_shipped_robust_model_withstands_attacks_that_fool_its_vanilla_twin() -> None:
    robust, vanilla = (classifier_details(f"small_resnet_{name}") for name in ("robust", "vanilla"))
    assert robust["architecture"] == vanilla["architecture"]
    assert robust["robust_accuracy"] > 3 * max(vanilla["robust_accuracy"], 0.05)
    assert vanilla["clean_accuracy"] > robust["clean_accuracy"]


@pytest.mark.parametrize("name", SHIPPED_RECIPES)
def test_shipped_weights_say_the_recipe_and_the_pool_that_make_them_again(name: str) -> None:
    details = classifier_details(name)
    assert details["recipe"] == dataclasses.asdict(SHIPPED_RECIPES[name])
    assert details["pool"] == SHIPPED_POOL.description()


@pytest.mark.parametrize("name", [name for name in SHIPPED_RECIPES if name.endswith("robust")])
def test_a_shipped_robust_model_recognises_images_it_was_not_trained_on(name: str) -> None:
    pool = ProceduralPool(seed=1, n_per_category=5)
    images = pool.images()
    categories = sorted({image.category for image in images})
    pixels = load_images(pool, tuple(image.image_id for image in images)).astype(np.float32) / 255
    classifier = load_classifier(name)
    with torch.no_grad():
        logits = classifier((torch.from_numpy(pixels).permute(0, 3, 1, 2) - 0.5) / 0.25)
    right = [categories[k] == image.category for k, image in zip(logits.argmax(dim=1), images, strict=True)]
    # The file's own accuracy on 1,000 images, less 4 binomial standard errors of these 150.
    claimed = classifier_details(name)["clean_accuracy"]
    assert np.mean(right) > claimed - 4 * (claimed * (1 - claimed) / len(right)) ** 0.5


def test_an_unknown_architecture_is_refused_before_any_image_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="alexnet"):
        train_classifier(dataclasses.replace(RECIPE, architecture="alexnet"), POOL, tmp_path / "net.safetensors")
