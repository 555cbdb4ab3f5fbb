"""Recipes compared in memory: what is found, resumed and summed up, on a subject of three sites."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.tables import Columns
from closedloop.execution.workers import HERE
from closedloop.studies.recipe.measure import compare_recipes
from closedloop.studies.recipe.recipes import Descent, FollowedGradient, Recipe, RecipeMember, RecipeProbes
from closedloop.studies.recipe.settings import RecipeComparison, RecipeFiles

LITTLE = Recipe(
    name="little",
    members=(RecipeMember(), RecipeMember(weights="small_plain_robust")),
    first_clean=40,
    clean=10,
    rounds=2,
    probes=RecipeProbes(n_images=12, of="shown", steps=2),
    fit=Descent(first_epochs=2, epochs=2),
    gradient=FollowedGradient(steps=2, soft_relu=3),
)
COMPARISON = RecipeComparison((LITTLE,), n_days=3, n_sites=3, n_anchors=4, anchors_a_site=2)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Columns]:
    folder = tmp_path_factory.mktemp("recipes")
    return folder, compare_recipes(COMPARISON, folder)


def test_every_day_has_a_cosine_and_a_row_for_each_epsilon(compared: tuple[Path, Columns]) -> None:
    _, table = compared
    rows = list(zip(table["day"].tolist(), table["epsilon"].tolist(), strict=True))
    assert rows == [(day, epsilon) for day in (1, 2) for epsilon in (0.0, 1.0, 2.5, 10.0)]


def test_no_attack_goes_further_than_the_cortex_s_own_gradient(compared: tuple[Path, Columns]) -> None:
    _, table = compared
    assert np.all(table["attained"] < 1)
    found = table["epsilon"] > 0
    assert np.all(table["white_box"][found] > table["true_change"][found])


def test_images_and_passes_are_counted_as_they_are_fitted(compared: tuple[Path, Columns]) -> None:
    _, table = compared
    by_day = {int(day): int(n) for day, n in zip(table["day"], table["n_fitted"], strict=True)}
    passes = {int(day): int(n) for day, n in zip(table["day"], table["n_passes"], strict=True)}
    assert by_day == {1: 40, 2: 62}
    assert passes == {1: 2 * 2 * 40, 2: 2 * (1 * 51 + 1 * 62)}  # members x epochs of a round x images


def test_resumed_after_a_lost_day_it_leaves_the_same_bytes(compared: tuple[Path, Columns]) -> None:
    folder, _ = compared
    compare_recipes(COMPARISON, folder)
    table = RecipeFiles(folder).days.with_suffix(".csv").read_bytes()
    last = max(RecipeFiles(folder).shards.glob("*.npz"), key=lambda path: path.stat().st_mtime_ns)
    content = last.read_bytes()
    last.unlink()
    compare_recipes(COMPARISON, folder)
    assert last.read_bytes() == content
    assert RecipeFiles(folder).days.with_suffix(".csv").read_bytes() == table


def test_fewer_days_are_the_first_of_more(compared: tuple[Path, Columns]) -> None:
    folder, table = compared
    shards = sorted(RecipeFiles(folder).shards.glob("*.npz"))
    fewer = compare_recipes(replace(COMPARISON, n_days=2), folder, workers=HERE)
    assert sorted(RecipeFiles(folder).shards.glob("*.npz")) == shards
    assert fewer["attained"].tolist() == table["attained"][table["day"] == 1].tolist()
