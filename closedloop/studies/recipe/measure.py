"""Recipes compared: every (recipe, subject) is a piece of work that leaves a file a day; then the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.tables import Columns
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.stored.piece import FilePiece, shard_piece
from closedloop.execution.workers import HERE, Workers
from closedloop.models.shipped import weights_file
from closedloop.storage import resolved
from closedloop.studies.files import write_both
from closedloop.studies.recipe.documents import RECIPE_DAYS, RecipeStudy
from closedloop.studies.recipe.settings import RecipeComparison, RecipeFiles
from closedloop.studies.recipe.shards import (
    LoopShard,
    TruthShard,
    leave_days,
    leave_truth,
    read_judged,
    read_truth_shard,
)
from closedloop.studies.recipe.tables import passes, summarise


def compare_recipes(
    comparison: RecipeComparison,
    folder: Path,
    *,
    workers: Workers = HERE,
    progress: ProgressCallback | None = None,
) -> Columns:
    """Run every recipe's loop around every subject, and write settings and table into a folder.

    Stopped at any point and called again, it resumes after the last finished day and leaves the same bytes.

    Parameters
    ----------
    comparison
        What to compare.
    folder
        Where results go; made if missing. Days of another comparison in it are used where they fit.
    workers
        Who does the work; what is found does not depend on it.
    progress
        Called with (images that fits went through, in total).

    Returns
    -------
    Columns
        The table `RECIPE_DAYS`.

    Raises
    ------
    CheckpointError, ProtocolError
        A base model cannot be used.
    ExecutionError, StorageError
        Workers were lost, or the disk is full; what was done is kept.
    """
    files = RecipeFiles(folder)
    shards = resolved(files.shards)
    subjects = [comparison.subject(name) for name in comparison.subjects]
    truths = {
        (subject.name, day): TruthShard(subject, day, shards)
        for subject in subjects
        for day in range(1, comparison.n_days)
    }
    loops = [
        LoopShard(recipe, subject, comparison.n_days - 1, shards)
        for recipe in comparison.recipes
        for subject in subjects
    ]
    run_pieces([shard_piece(leave_truth, shard) for shard in truths.values() if not shard.path.exists()], workers)
    _run_loops(loops, truths, workers, progress)
    found = {
        (loop.recipe.name, loop.subject.name, day): (
            read_judged(loop, day - 1),
            read_truth_shard(truths[loop.subject.name, day]),
        )
        for loop in loops
        for day in range(1, comparison.n_days)
    }
    table = summarise(found, recipes=comparison.recipes, pairs=subjects[0].pairs())
    document = RecipeStudy(
        simulated=True,
        code_version=__version__,
        seed=comparison.seed,
        recipes=comparison.recipes,
        subjects=comparison.subjects,
        n_days=comparison.n_days,
    )
    document.write(files.settings)
    write_both(files.days, RECIPE_DAYS, table, simulated=True)
    return table


def _run_loops(
    loops: list[LoopShard],
    truths: Mapping[tuple[str, int], TruthShard],
    workers: Workers,
    progress: ProgressCallback | None,
) -> None:
    """Do every loop a day at a time, so that progress is told and a kill costs a day."""
    total = sum(passes(loop.recipe, day=day) for loop in loops for day in range(loop.n_days))
    left = sum(passes(loop.recipe, day=day) for loop in loops for day in loop.missing)
    done = total - left
    for day in range(max(loop.n_days for loop in loops)):
        pieces = [loop for loop in loops if day in loop.missing]
        costs = [passes(loop.recipe, day=day) for loop in pieces]
        report = _reporter(progress, done=done, costs=costs, total=total)
        report(0)
        run_pieces([_day_of(loop, day, truths) for loop in pieces], workers, report)
        done += sum(costs)


def _day_of(loop: LoopShard, day: int, truths: Mapping[tuple[str, int], TruthShard]) -> FilePiece:
    """Return a day of a loop, which goes on from the files of those before, as a piece of work."""
    before = [loop.path(one) for one in range(day)]
    weights = [weights_file(member.weights) for member in loop.recipe.members]
    truth = [one.path for (name, _), one in truths.items() if name == loop.subject.name]
    return FilePiece(
        partial(leave_days, loop, until=day + 1), leaves=(loop.path(day),), reads=(*before, *truth, *weights)
    )


def _reporter(progress: ProgressCallback | None, *, done: int, costs: list[int], total: int) -> Callable[[int], None]:
    def report(n_pieces: int) -> None:
        if progress is not None:
            progress(done + sum(costs[:n_pieces]), total)

    return report
