"""`torchrun -m closedloop ...`: the first of its processes runs the command, the others compute for it."""

from __future__ import annotations

from functools import partial

import typer

from closedloop.commands.extras import require_extra
from closedloop.execution.ranks import take_rank


def follow_ranks(context: typer.Context) -> None:
    """Compute for the first process and end with it; the first one goes on, and tells the others when it ends.

    Parameters
    ----------
    context
        Of the command line.

    Raises
    ------
    Exit
        This is not the first process.
    ExecutionError
        The processes cannot find each other, or this one cannot compute.
    """
    rank = take_rank()
    if rank is None:
        return
    require_extra("lab")
    from closedloop.training.sharded.ranks import end_ranks, serve_shards  # noqa: PLC0415 - torch

    if rank.number:
        raise typer.Exit(0 if serve_shards(rank) else 1)
    context.call_on_close(partial(end_ranks, rank))
