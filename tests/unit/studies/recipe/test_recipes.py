"""Recipes as files, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from closedloop.cli import app
from closedloop.errors import CheckpointError, OptionError, ProtocolError
from closedloop.stages.from_protocol.model import weight_decay_of
from closedloop.studies.recipe.recipes import Descent, Recipe, RecipeMember, named_recipes, read_recipe

FILE = """
name: mine
members: [{weights: small_resnet_vanilla}]
first_clean: 50
probes: {n_images: 10, epsilon: 15.0}
fit: {weight_decay: 0.2, decay_images: 100, decay_power: 1.0}
"""


def test_a_file_says_what_differs_from_the_paper_s_way(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(FILE)
    recipe = read_recipe(str(tmp_path / "mine.yaml"))
    assert (recipe.name, recipe.members[0].weights, recipe.probes.epsilon) == ("mine", "small_resnet_vanilla", 15.0)
    assert recipe.clean == Recipe(name="other").clean
    assert recipe.n_fitted == recipe.clean + 10


def test_the_decay_falls_as_images_grow_and_not_before_and_a_member_may_have_its_own() -> None:
    law = Descent(weight_decay=0.2, decay_images=100, decay_power=0.5)
    assert [round(weight_decay_of(law, n_images=n), 6) for n in (10, 100, 400, 10_000)] == [0.2, 0.2, 0.1, 0.02]
    assert weight_decay_of(Descent(weight_decay=0.2), n_images=10_000) == 0.2
    assert round(weight_decay_of(law.of_member(RecipeMember(decay_power=1.0)), n_images=400), 6) == 0.05
    assert law.of_member(RecipeMember()) is law


def test_every_recipe_that_ships_is_known_by_its_name() -> None:
    assert all(read_recipe(name) is recipe for name, recipe in named_recipes().items())


@pytest.mark.parametrize(
    ("content", "fault", "words"),
    [
        ("name: mine\nfirst_clean: one", ProtocolError, "first_clean"),
        ("name: mine\nepochs: 3", ProtocolError, "epochs"),
        ("name: mine\nmembers: []", ProtocolError, "members"),
        ("name: mine\nclean: 3\nrounds: 7", ProtocolError, "rounds: expected at most 1"),
        ("name: mine\nmembers: [{weights: nowhere.pt}]", CheckpointError, "recipe mine, member 1: expected weights"),
        ("name: mine\nmembers: [{layer: layer9}]", ProtocolError, "recipe mine, member 1: expected one of stem"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, content: str, fault: type[Exception], words: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    command = ["studies", "recipe", "--out", str(tmp_path / "out"), "--recipe", str(file)]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, fault)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "fault", "words"),
    [
        (["--recipe", "papre"], ProtocolError, "Did you mean paper?"),
        (["--recipe", "nowhere.yaml"], ProtocolError, "nowhere.yaml: expected a recipe, found none"),
        (["--workers", "many"], OptionError, "--workers many"),
    ],
)
def test_a_wrong_word_is_one_line(tmp_path: Path, options: list[str], fault: type[Exception], words: str) -> None:
    result = CliRunner().invoke(app, ["studies", "recipe", "--out", str(tmp_path / "out"), *options])
    assert isinstance(result.exception, fault)
    assert words in str(result.exception)
    assert not (tmp_path / "out").exists()
