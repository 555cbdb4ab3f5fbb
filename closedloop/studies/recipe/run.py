"""A comparison of recipes from the options to a folder of results, and the lines that sum it up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop.artifacts.tables import Columns
from closedloop.attacks.engine.devices import own_workers
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import parse_workers
from closedloop.storage import write_bytes
from closedloop.studies.places import study_command
from closedloop.studies.recipe.asked import check_options
from closedloop.studies.recipe.documents import RecipeStudy
from closedloop.studies.recipe.judge import EPSILONS
from closedloop.studies.recipe.measure import compare_recipes
from closedloop.studies.recipe.page import recipes_page
from closedloop.studies.recipe.recipes import read_recipe
from closedloop.studies.recipe.settings import RecipeComparison, RecipeFiles
from closedloop.studies.recipe.tables import ALL_SUBJECTS


def run_study(
    recipes: Sequence[str],
    out: Path,
    *,
    subjects: Sequence[str],
    n_days: int,
    n_sites: int,
    seed: int,
    workers: str | None,
    progress: ProgressCallback,
) -> list[str]:
    """Compare, write table and page, and return what to tell the user.

    Parameters
    ----------
    recipes
        Names or files.
    out
        Folder for the results; created if missing.
    subjects
        Names of simulated subjects.
    n_days
        Days of the loop.
    n_sites
        Of each subject.
    seed
        Of subjects and draws.
    workers
        Who computes, as ``--workers`` takes it; None for this machine. The result does not depend on it.
    progress
        Called with (images that fits went through, in total).

    Raises
    ------
    OptionError, ProtocolError, CheckpointError
        Something that was named cannot be used.
    ExecutionError, StorageError
        Workers were lost, or the disk is full.
    """
    check_options(recipes, out, workers=workers)
    comparison = RecipeComparison(tuple(read_recipe(one) for one in recipes), tuple(subjects), n_days, seed, n_sites)
    who = own_workers() if workers is None else parse_workers(workers)
    table = compare_recipes(comparison, out, workers=who, progress=progress)
    files = RecipeFiles(out)
    parts = ["--days", str(n_days), "--sites", str(n_sites), "--seed", str(seed)]
    parts += [part for one in recipes for part in ("--recipe", one)]
    parts += [part for one in subjects for part in ("--subject", one)]
    write_bytes(
        files.page, recipes_page(RecipeStudy.read(files.settings), table, command=study_command("recipe", *parts))
    )
    return [*_summary(table, comparison), f"Open {files.page}"]


def _summary(table: Columns, comparison: RecipeComparison) -> list[str]:
    """Return the first and the last day as text, a line a recipe and day."""
    label = ALL_SUBJECTS if len(comparison.subjects) > 1 else comparison.subjects[0]
    width = max(len(recipe.name) for recipe in comparison.recipes)
    lines = [f"{'':{width}}  day" + "".join(f"{f'epsilon {epsilon:g}':>20}" for epsilon in EPSILONS)]
    for recipe in comparison.recipes:
        for day in dict.fromkeys((1, comparison.n_days - 1)):
            own = (table["recipe"] == recipe.name) & (table["subject"] == label) & (table["day"] == day)
            cells = []
            for epsilon in EPSILONS:
                (place,) = (own & (table["epsilon"] == epsilon)).nonzero()[0]
                cells.append(f"{table['attained'][place]:.2f} [{table['low'][place]:.2f}, {table['high'][place]:.2f}]")
            lines.append(f"{recipe.name:{width}}  {day:3d}" + "".join(f"{cell:>20}" for cell in cells))
    return [*lines, "True change over the white box's, with its 95 % interval over images and sites."]
