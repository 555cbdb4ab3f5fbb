"""Work that is done in phases, with one bar for all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.workers import Piece, Workers


@dataclass(frozen=True)
class WorkPhase:
    """Independent pieces of work, and what each of them costs, in any unit."""

    pieces: tuple[Piece, ...]
    costs: tuple[float, ...]


def run_phases(phases: Sequence[WorkPhase], workers: Workers, progress: ProgressCallback | None) -> None:
    """Have phases done one after the other, and say how far all are.

    Parameters
    ----------
    phases
        In their order; a phase begins when the one before is done.
    workers
        Who does the work.
    progress
        Called with (cost done, cost in total).
    """
    total, done = sum(sum(phase.costs) for phase in phases), 0.0
    for phase in phases:
        run_pieces(list(phase.pieces), workers, _reporter(progress, done, sum(phase.costs), len(phase.pieces), total))
        done += sum(phase.costs)


def _reporter(
    progress: ProgressCallback | None, done: float, cost: float, n_pieces: int, total: float
) -> Callable[[int], None]:
    def report(n_done: int) -> None:
        if progress is not None:
            progress(round(done + cost * n_done / max(n_pieces, 1)), max(round(total), 1))

    return report
