"""`closedloop base-model train`: train a base model by the recipe of a shipped one, on its images or one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from closedloop.commands.base_models.asked import RecipeOptions
from closedloop.models.backbones import architecture_named
from closedloop.stimuli.folders import open_folder_pool
from closedloop.stimuli.in_memory import in_memory
from closedloop.stimuli.port import ImagePool
from closedloop.storage import remove_file
from closedloop.training.adversarial import TrainingRecipe, train_classifier
from closedloop.training.resumable import TrainingProgress
from closedloop.training.shipped import SHIPPED_POOL, SHIPPED_RECIPES


def train_to_file(out: Path, asked: RecipeOptions, *, epsilon: float | None) -> str:
    """Train a base model; return what to tell the user. The same command resumes it.

    Parameters
    ----------
    out
        Safetensors file to write.
    asked
        How; `check_training` has looked at it.
    epsilon
        Size of the attacks; None for the recipe's.
    """
    recipe, pool = recipe_of(asked), pool_of(asked)
    if epsilon is not None:
        recipe = replace(recipe, epsilon=epsilon)
    checkpoint = out.with_name(f".{out.name}.training.pt")
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(asked.name)

        def show(step: TrainingProgress) -> None:
            bar.update(task, completed=step.step, total=step.n_steps, description=f"{asked.name}, loss {step.loss:.3f}")

        report = train_classifier(recipe, pool, out, checkpoint=checkpoint, progress=show)
    remove_file(checkpoint)
    return f"{out}: accuracy {report.clean_accuracy:.3f} on clean and {report.robust_accuracy:.3f} on attacked images"


def recipe_of(asked: RecipeOptions) -> TrainingRecipe:
    """Return a shipped recipe with what was asked for in its place."""
    recipe = SHIPPED_RECIPES[asked.name]
    return replace(
        recipe,
        seed=recipe.seed if asked.seed is None else asked.seed,
        epochs=asked.epochs or recipe.epochs,
        images_per_epoch=asked.images_per_epoch or recipe.images_per_epoch,
    )


def pool_of(asked: RecipeOptions) -> ImagePool:
    """Return the images of a training: one's own, read once, or those of the shipped weights.

    Raises
    ------
    ImageError
        The folder or an image in it cannot be read.
    """
    if asked.images is None:
        return SHIPPED_POOL
    side_px = architecture_named(SHIPPED_RECIPES[asked.name].architecture).side_px
    return in_memory(open_folder_pool(asked.images, side_px))
