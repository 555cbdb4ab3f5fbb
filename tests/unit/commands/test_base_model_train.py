"""`closedloop base-model train` and `train-family`: what the words mean, own images, and wrong ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from closedloop.cli import app
from closedloop.commands.base_models.asked import RecipeOptions, check_family, check_training
from closedloop.commands.base_models.train import pool_of, recipe_of
from closedloop.errors import ClosedLoopError, ImageError, OptionError
from closedloop.models.checkpoints import classifier_details
from closedloop.training.shipped import SHIPPED_POOL, SHIPPED_RECIPES

ASKED = RecipeOptions("small_resnet_robust", None, None, None, None)


def test_without_a_word_it_is_the_shipped_recipe_and_its_images() -> None:
    assert recipe_of(ASKED) == SHIPPED_RECIPES["small_resnet_robust"]
    assert pool_of(ASKED) is SHIPPED_POOL


def test_what_is_named_replaces_the_recipes() -> None:
    recipe = recipe_of(RecipeOptions("small_plain_robust", None, 7, 100, 0))
    assert (recipe.epochs, recipe.images_per_epoch, recipe.seed) == (7, 100, 0)
    assert recipe.architecture == "small_plain"


@pytest.mark.parametrize("command", ["train", "train-family"])
def test_own_images_are_trained_at_an_epsilon_of_ones_own(command: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for category in ("cat", "dog"):
        (tmp_path / "images" / category).mkdir(parents=True)
        for place in range(6):
            pixels = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / category / f"{place}.png")
    words = ["--images", str(tmp_path / "images"), "--epochs", "1", "--images-per-epoch", "8"]
    out = tmp_path / "out.safetensors" if command == "train" else tmp_path / "small_resnet_eps0.5.safetensors"
    words += [str(out), "--epsilon", "0.5"] if command == "train" else ["--out", str(tmp_path), "--epsilons", "0.5"]
    done = CliRunner().invoke(app, ["base-model", command, *words], catch_exceptions=False)
    assert done.exit_code == 0
    details = classifier_details(out)
    assert (details["n_classes"], details["recipe"]["epsilon"]) == (2, 0.5)
    assert details["pool"]["kind"] == "imagenet_folder"


def test_epsilons_are_sorted_and_each_is_once(tmp_path: Path) -> None:
    assert check_family(tmp_path, ASKED, epsilons="2, 0,.5,2", workers=None) == (0.0, 0.5, 2.0)


@pytest.mark.parametrize("epsilons", ["", "1,two", "-1", "nan", "1e9"])
def test_an_epsilon_that_is_none_is_refused(epsilons: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="expected a number from 0"):
        check_family(tmp_path, ASKED, epsilons=epsilons, workers=None)


def test_images_without_categories_are_refused_before_any_training(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "1.png")
    asked = RecipeOptions("small_resnet_robust", tmp_path, None, None, None)
    with pytest.raises(ImageError, match="two or more categories, found 1"):
        check_training(tmp_path / "new.safetensors", asked, epsilon=None)


def test_an_epsilon_beyond_black_to_white_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClosedLoopError, match="--epsilon: expected a number from 0"):
        check_training(tmp_path / "new.safetensors", ASKED, epsilon=400.0)
