"""Having independent pieces of work done by the workers that a user names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from closedloop.execution.local import run_in_processes
from closedloop.execution.workers import Piece, Workers


def run_pieces(pieces: Sequence[Piece], workers: Workers, on_done: Callable[[int], None] | None = None) -> None:
    """Have all pieces of work done.

    Parameters
    ----------
    pieces
        Independent pieces; each leaves its result in a file (`shards.made_once`) and can be done again. For Dask they
        must be picklable: `functools.partial` of a module's function.
    workers
        Who does them; the results are the same for all.
    on_done
        Called in this process with the number of pieces done so far.

    Raises
    ------
    ClosedLoopError
        A piece raised one.
    ExecutionError
        The workers cannot be had, or died; what was done stays done.
    RuntimeError
        A piece raised something else.
    """
    if workers.kind == "local":
        run_in_processes(pieces, n_processes=workers.n, on_done=on_done)
        return
    from closedloop.execution.dask import run_on_dask  # noqa: PLC0415 - only who asks for Dask needs it

    run_on_dask(pieces, workers, on_done)
