"""`closedloop base-model train`: train a base model by the recipe of a shipped one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from closedloop.storage import remove_file
from closedloop.training.adversarial import train_classifier
from closedloop.training.resumable import TrainingProgress
from closedloop.training.shipped import SHIPPED_POOL, SHIPPED_RECIPES


def train_to_file(out: Path, *, name: str, seed: int | None) -> str:
    """Train a base model by a shipped recipe; return what to tell the user. The same command resumes it.

    Parameters
    ----------
    out
        Safetensors file to write.
    name
        Name of the recipe; `check_training` has looked at it.
    seed
        In place of the recipe's; None to keep that.
    """
    recipe = SHIPPED_RECIPES[name] if seed is None else replace(SHIPPED_RECIPES[name], seed=seed)
    checkpoint = out.with_name(f".{out.name}.training.pt")
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name)

        def show(step: TrainingProgress) -> None:
            bar.update(task, completed=step.step, total=step.n_steps, description=f"{name}, loss {step.loss:.3f}")

        report = train_classifier(recipe, SHIPPED_POOL, out, checkpoint=checkpoint, progress=show)
    remove_file(checkpoint)
    return f"{out}: accuracy {report.clean_accuracy:.3f} on clean and {report.robust_accuracy:.3f} on attacked images"
