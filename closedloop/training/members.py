"""Fit the members of an ensemble to the same responses, side by side on the processors of this machine.

Each member's fit is its own: which of them share a processor, how many compute its shards, and which was killed on the
way, changes no byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from closedloop.attacks.engine.devices import on_cuda
from closedloop.execution.local import run_apart, run_in_processes, tick
from closedloop.execution.ranks import Rank, own_rank
from closedloop.models.site_model import SiteModel
from closedloop.terminal.streams import say
from closedloop.training.end_to_end import RefitRecipe, RefitReport, Responses, refit
from closedloop.training.resumable import TrainingProgress
from closedloop.training.sharded.computing import Computing


@dataclass(frozen=True)
class MemberFit:
    """One member's fit.

    Parameters
    ----------
    model
        The previous day's model; changed in place.
    seed
        Of the order of images.
    checkpoint
        File that holds the state after each epoch.
    """

    model: SiteModel
    seed: int
    checkpoint: Path


def refit_members(
    members: Sequence[MemberFit],
    train: Responses,
    held_out: Responses,
    *,
    recipe: RefitRecipe,
    n_processes: int,
    progress: Callable[[int, int], None],
    device: str = "cpu",
) -> list[RefitReport]:
    """Fit every member in place (`end_to_end.refit`).

    Parameters
    ----------
    members
        At least one.
    train, held_out
        To fit to, and to correlate with afterwards.
    recipe
        How to descend; of all members.
    n_processes
        Of this machine, at most; the members are shared out over them, and the shards of each over those that are left.
    progress
        Called with (steps done, steps in total) of all members.
    device
        Where they are fitted, as in `attacks.engine.devices.own_device`.

    Returns
    -------
    list
        A report a member, in their order.

    Raises
    ------
    ValueError
        Shapes do not agree, or nothing usable is left to fit to.
    StorageError
        A checkpoint cannot be written.
    ExecutionError
        A process was killed; what its member had learned until its last checkpoint is kept. Or a device has too little
        memory.
    """
    n_steps = recipe.epochs * -(-len(train.images) // recipe.batch_size) * len(members)
    rank = _rank_for(recipe)
    if rank is not None:
        n_processes = 1  # the shards are shared out over the ranks, of one member after the other
    n_at_once = min(n_processes, len(members))
    if n_at_once > 1 or on_cuda(device):  # a process that has used a graphics card can fork no more
        count = _Counting(n_steps, progress)
        pieces = [
            partial(_learn, member, train, held_out, recipe=recipe, computing=Computing(n_of_each, rank, device))
            for member, n_of_each in zip(members, _shared_out(n_processes, len(members)), strict=True)
        ]
        if n_at_once > 1:
            run_in_processes(pieces, n_processes=n_at_once, on_tick=count)
        else:
            for piece in pieces:
                run_apart(piece, on_tick=count)
        # each has left its last state behind, from which it is read below
    here = Computing(n_processes, rank, "cpu")
    return [
        _fit(
            member,
            train,
            held_out,
            recipe=recipe,
            progress=_Offset(number, n_steps, len(members), progress),
            computing=here,
        )
        for number, member in enumerate(members)
    ]


def _rank_for(recipe: RefitRecipe) -> Rank | None:
    rank = own_rank()
    if rank is not None and recipe.shards == 1:
        say("torchrun: its other processes have nothing to do in this refit, for fit.shards of the protocol is 1.")
        return None
    return rank


def _shared_out(n_processes: int, n_members: int) -> list[int]:
    """Return how many processes compute each member's shards; members take turns where there are more of them."""
    n_at_once = min(n_processes, n_members)
    least, left_over = divmod(n_processes, n_at_once)
    return [least + (member % n_at_once < left_over) for member in range(n_members)]


def _fit(
    member: MemberFit,
    train: Responses,
    held_out: Responses,
    *,
    recipe: RefitRecipe,
    progress: Callable[[TrainingProgress], None],
    computing: Computing,
) -> RefitReport:
    return refit(
        member.model,
        train,
        held_out,
        recipe=recipe,
        seed=member.seed,
        checkpoint=member.checkpoint,
        progress=progress,
        n_processes=computing.n_processes,
        rank=computing.rank,
        device=computing.device,
    )


def _learn(
    member: MemberFit, train: Responses, held_out: Responses, *, recipe: RefitRecipe, computing: Computing
) -> None:
    """Fit a member in a process of its own, whose last checkpoint is what it leaves."""
    telling = _Telling()
    _fit(member, train, held_out, recipe=recipe, progress=telling, computing=computing)
    telling.until(recipe.epochs * -(-len(train.images) // recipe.batch_size))


@dataclass
class _Telling:
    """Tells the parent of every step, those that an interrupted run had done among them."""

    n_told: int = 0

    def __call__(self, training: TrainingProgress) -> None:
        self.until(training.step)

    def until(self, step: int) -> None:
        for _ in range(step - self.n_told):
            tick()
        self.n_told = max(step, self.n_told)


@dataclass
class _Counting:
    """Counts the steps of all processes."""

    n_steps: int
    progress: Callable[[int, int], None]
    n_done: int = 0

    def __call__(self) -> None:
        self.n_done += 1
        self.progress(min(self.n_done, self.n_steps), self.n_steps)


@dataclass(frozen=True)
class _Offset:
    """Tells where a member's training stands among those of all."""

    number: int
    n_steps: int
    n_members: int
    progress: Callable[[int, int], None]

    def __call__(self, training: TrainingProgress) -> None:
        self.progress(self.number * self.n_steps // self.n_members + training.step, self.n_steps)
