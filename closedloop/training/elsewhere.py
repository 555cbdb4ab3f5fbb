"""Fit members on a cluster, one a machine: a whole fit is a piece of work, whose last state comes back as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from closedloop import __version__
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.shards import shard_name
from closedloop.execution.stored.piece import FilePiece
from closedloop.execution.workers import Workers
from closedloop.models.checkpoints import load_site_model, save_site_model
from closedloop.models.networks.code import code_near
from closedloop.models.site_model import SiteModel
from closedloop.storage import copy_file
from closedloop.training.end_to_end import RefitRecipe, Responses, refit
from closedloop.training.members import MemberFit
from closedloop.training.resumable import fingerprint, tensors_as_arrays

_FORMAT = "member fit 1"


def fit_elsewhere(
    members: Sequence[MemberFit],
    train: Responses,
    held_out: Responses,
    *,
    recipe: RefitRecipe,
    workers: Workers,
    progress: ProgressCallback,
) -> list[MemberFit]:
    """Have members fitted by a cluster; return them with the last state of their training for a checkpoint.

    `members.refit_members` reads from it what was learned, the same bytes as it would have learned here.

    Parameters
    ----------
    members
        Their checkpoints lie in folders for half-done work; a state that is there is gone on from.
    train, held_out
        To fit to, and to correlate with afterwards.
    recipe
        How to descend; of all members.
    workers
        A cluster.
    progress
        Called with (members done, in total).

    Raises
    ------
    ExecutionError
        The workers cannot be had, or were lost; the members that are done stay done.
    StorageError
        The disk is full.
    """
    arrays: list[NDArray[Any]] = [train.images, train.responses, train.weights]
    fits = list[MemberFit]()
    pieces = list[FilePiece]()
    for member in members:
        weights = tensors_as_arrays(member.model)
        told = f"{member.model.spec} {recipe} seed {member.seed}"
        name = shard_name(_FORMAT, __version__, fingerprint(told, [*arrays, *weights]))
        before, after = (member.checkpoint.with_name(f"{kind}-{name}") for kind in ("before", "after"))
        before, after = before.with_suffix(".safetensors"), after.with_suffix(".pt")
        if not before.exists():
            save_site_model(before, member.model)
        work = partial(
            _learn, before, member.checkpoint, after, train=train, held_out=held_out, recipe=recipe, seed=member.seed
        )
        pieces.append(FilePiece(work, leaves=(after,), reads=code_near(before) if workers.store else ()))
        fits.append(replace(member, checkpoint=after))
    progress(0, len(pieces))
    run_pieces(pieces, workers, lambda n_done: progress(n_done, len(pieces)))
    return fits


def _learn(
    before: Path,
    begun: Path,
    after: Path,
    *,
    train: Responses,
    held_out: Responses,
    recipe: RefitRecipe,
    seed: int,
) -> None:
    """Fit a member; the state after its last epoch is what it leaves."""
    if begun.is_file() and not after.is_file():
        copy_file(begun, after)
    model = load_site_model(before)
    if not isinstance(model, SiteModel):
        raise TypeError(f"{before}: expected one member, found {type(model).__name__}")
    refit(model, train, held_out, recipe=recipe, seed=seed, checkpoint=after)
