"""A family of base models: one recipe at several epsilons, resumed by anyone with the same bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from closedloop.errors import CheckpointError
from closedloop.execution.workers import Workers
from closedloop.models.checkpoints import classifier_details
from closedloop.stimuli.folders import open_folder_pool
from closedloop.stimuli.in_memory import InMemoryPool, in_memory
from closedloop.stimuli.pools import ProceduralPool
from closedloop.training.adversarial import TrainingRecipe, described, train_classifier, train_epochs
from closedloop.training.family import FamilyMember, family_members, is_trained, train_family

torch.set_num_threads(1)
POOL = ProceduralPool(seed=77, side_px=16, n_categories=3, n_per_category=20)
RECIPE = TrainingRecipe(
    epochs=2, images_per_epoch=32, batch_size=16, evaluation_images=8, evaluation_steps=2, learning_rate=4e-3, seed=5
)


def family(folder: Path) -> tuple[FamilyMember, ...]:
    return family_members(RECIPE, (0.0, 2.0), folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("family")
    train_family(family(folder), POOL)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_only_the_epsilon_differs_and_nothing_but_weights_is_left(trained: dict[str, bytes], tmp_path: Path) -> None:
    assert sorted(trained) == ["small_resnet_eps0.safetensors", "small_resnet_eps2.safetensors"]
    recipes = []
    for name, content in trained.items():
        (tmp_path / name).write_bytes(content)
        recipes.append(classifier_details(tmp_path / name)["recipe"])
    assert sorted(recipe.pop("epsilon") for recipe in recipes) == [0.0, 2.0]
    assert recipes[0] == recipes[1]


def test_each_is_what_the_single_training_makes(trained: dict[str, bytes], tmp_path: Path) -> None:
    train_classifier(replace(RECIPE, epsilon=2.0), POOL, tmp_path / "one.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == trained["small_resnet_eps2.safetensors"]


def test_killed_after_an_epoch_and_resumed_by_two_processes_it_leaves_the_same_bytes(
    trained: dict[str, bytes], tmp_path: Path
) -> None:
    members = family(tmp_path)
    train_epochs(members[1].recipe, POOL, n_epochs=1, checkpoint=members[1].checkpoint)
    told: list[tuple[int, int]] = []
    train_family(members, POOL, workers=Workers("local", 2), progress=lambda done, total: told.append((done, total)))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == trained
    assert told[-1] == (told[-1][1], told[-1][1])
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_what_is_trained_is_left_alone_and_another_training_is_not_overwritten(
    trained: dict[str, bytes], tmp_path: Path
) -> None:
    for name, content in trained.items():
        (tmp_path / name).write_bytes(content)
    members = family(tmp_path)
    before = [member.out.stat().st_mtime_ns for member in members]
    train_family(members, POOL)
    assert [member.out.stat().st_mtime_ns for member in members] == before
    with pytest.raises(CheckpointError, match="another recipe, seed or images"):
        train_family(family_members(replace(RECIPE, seed=6), (0.0,), tmp_path), POOL)
    with pytest.raises(CheckpointError, match="another recipe, seed or images"):
        is_trained(members[0], ProceduralPool(seed=78, side_px=16, n_categories=3, n_per_category=20))


def test_ones_own_images_are_read_once_and_told_from_others_without_their_path(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        for category in ("cat", "dog"):
            (tmp_path / folder / category).mkdir(parents=True)
            Image.new("RGB", (40, 40), "grey").save(tmp_path / folder / category / "1.png")
    Image.new("RGB", (40, 40), "white").save(tmp_path / "b" / "dog" / "2.png")
    pools = [open_folder_pool(tmp_path / folder, 16) for folder in ("a", "b")]
    kept = in_memory(pools[1])
    assert isinstance(kept, InMemoryPool)
    (tmp_path / "b" / "dog" / "2.png").unlink()
    assert np.array_equal(kept.load("dog/2.png"), np.full((16, 16, 3), 255))
    assert in_memory(pools[0], most_bytes=100) is pools[0]
    of_a, of_b = (described(RECIPE, pool)["pool"] for pool in (pools[0], kept))
    assert of_a != of_b
    assert "folder" not in of_a
    assert described(RECIPE, kept)["pool"] == of_b
