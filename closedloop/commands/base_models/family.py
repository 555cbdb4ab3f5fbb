"""`closedloop base-model train-family`: base models that differ in the size of their training's attacks alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop.attacks.engine.devices import own_workers
from closedloop.commands.base_models.asked import RecipeOptions
from closedloop.commands.base_models.train import pool_of, recipe_of
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import parse_workers
from closedloop.models.checkpoints import classifier_details
from closedloop.plain_text.printed import command_line
from closedloop.training.family import family_members, train_family


def train_to_folder(
    out: Path, asked: RecipeOptions, *, epsilons: Sequence[float], workers: str | None, progress: ProgressCallback
) -> list[str]:
    """Train what is not there yet; return what to tell the user.

    Parameters
    ----------
    out
        Folder for the weight files; made if missing.
    asked
        How; `check_family` has looked at it.
    epsilons
        Of the networks.
    workers
        Who trains, as ``--workers`` takes it; None for this machine. The weights do not depend on it.
    progress
        Called with (work done, in total).

    Raises
    ------
    CheckpointError
        A file that is there is of another training.
    ExecutionError, ImageError, StorageError
        Workers were lost, an image cannot be read, or the disk is full.
    """
    members = family_members(recipe_of(asked), epsilons, out)
    who = own_workers() if workers is None else parse_workers(workers)
    train_family(members, pool_of(asked), workers=who, progress=progress)
    lines = []
    for member in members:
        details = classifier_details(member.out)
        attacked = f"epsilon {member.recipe.epsilon or 2:g}"
        lines.append(
            f"{member.out}: accuracy {details['clean_accuracy']:.3f} on clean images, "
            f"{details['robust_accuracy']:.3f} at {attacked}"
        )
    return [*lines, f"Compare them with `{command_line('closedloop', 'studies', 'screening', '--networks', str(out))}`"]
