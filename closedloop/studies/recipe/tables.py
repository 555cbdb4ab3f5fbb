"""The table of a comparison: what each recipe attains on each day, of each subject and of all together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from closedloop.analysis.bootstrap import bootstrap_mean, bootstrap_ratio
from closedloop.analysis.estimate import Estimate
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.tables import Columns
from closedloop.studies.recipe.documents import RECIPE_DAYS
from closedloop.studies.recipe.judge import EPSILONS, JudgedModel, Truth
from closedloop.studies.recipe.recipes import Recipe
from closedloop.studies.simulated_subject import Integers

ALL_SUBJECTS = "all"
COSINE = 0.0
"""Stands in the column `epsilon` of rows that are cosines."""


def summarise(
    found: Mapping[tuple[str, str, int], tuple[JudgedModel, Truth]],
    *,
    recipes: Sequence[Recipe],
    pairs: tuple[Integers, Integers],
) -> Columns:
    """Return the table `RECIPE_DAYS`.

    Parameters
    ----------
    found
        By recipe, subject and day on which attacks are shown.
    recipes
        In the table's order.
    pairs
        Site and anchor of every pair, (n_pairs,) each.
    """
    rows = [row for recipe in recipes for row in _rows_of(recipe, found, pairs)]
    return {name: np.array([row[name] for row in rows]) for name in RECIPE_DAYS.columns}


def _rows_of(
    recipe: Recipe, found: Mapping[tuple[str, str, int], tuple[JudgedModel, Truth]], pairs: tuple[Integers, Integers]
) -> Iterator[dict[str, Any]]:
    own = {(subject, day): judged for (name, subject, day), judged in found.items() if name == recipe.name}
    subjects = list(dict.fromkeys(subject for subject, _ in own))
    groups = [(subject, [subject]) for subject in subjects]
    if len(subjects) > 1:
        groups.append((ALL_SUBJECTS, subjects))
    for label, members in groups:
        for day in sorted({day for _, day in own}):
            parts = [own[subject, day] for subject in members]
            yield from _rows_of_day(recipe, label, day, parts, pairs)


def _rows_of_day(
    recipe: Recipe,
    label: str,
    day: int,
    parts: Sequence[tuple[JudgedModel, Truth]],
    pairs: tuple[Integers, Integers],
) -> Iterator[dict[str, Any]]:
    n_pairs = len(pairs[0])
    apart = np.repeat(np.arange(len(parts)), n_pairs) * n_pairs  # no subject has another's images or sites
    site_index, image_index = (np.tile(group, len(parts)) + apart for group in pairs)
    cosine = np.concatenate([judged.cosine for judged, _ in parts])
    change = np.concatenate([judged.change for judged, _ in parts], axis=1)
    white_box = np.concatenate([truth.white_box for _, truth in parts], axis=1)
    common = {
        "recipe": recipe.name,
        "subject": label,
        "day": day,
        "n_fitted": recipe.first_clean + (day - 1) * recipe.n_fitted,
        "n_passes": passes(recipe, day=day - 1),
    }
    seed = derive_seed(day, label, "bootstrap")
    mean = partial(bootstrap_mean, image_index=image_index, site_index=site_index, seed=seed)
    ratio = partial(bootstrap_ratio, image_index=image_index, site_index=site_index, seed=seed)
    yield common | {
        "epsilon": COSINE,
        **_attained(mean(cosine)),
        "true_change": np.nan,
        "white_box": np.nan,
        "right_sign": float((cosine > 0).mean()),
    }
    for place, epsilon in enumerate(EPSILONS):
        yield common | {
            "epsilon": epsilon,
            **_attained(ratio(change[place], white_box[place])),
            "true_change": float(change[place].mean()),
            "white_box": float(white_box[place].mean()),
            "right_sign": float((change[place] > 0).mean()),
        }


def _attained(estimate: Estimate) -> dict[str, float]:
    low, high = estimate.interval
    return {"attained": estimate.mean, "low": low, "high": high}


def passes(recipe: Recipe, *, day: int) -> int:
    """Count the images that all members go through in a day's fits.

    Parameters
    ----------
    recipe
        Its epochs and images.
    day
        Counted from 0.
    """
    n_members, fit = len(recipe.members), recipe.fit
    if not day:
        return n_members * (fit.first_epochs or fit.epochs) * recipe.first_clean
    before = recipe.first_clean + (day - 1) * recipe.n_fitted
    shown = [round(recipe.n_fitted * (block + 1) / recipe.rounds) for block in range(recipe.rounds)]
    return n_members * max(fit.epochs // recipe.rounds, 1) * sum(before + one for one in shown)
