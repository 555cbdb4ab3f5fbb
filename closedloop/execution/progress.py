"""How long work says how far it is: a bar with the time left on a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from closedloop.terminal.signals import at_work, end_if_asked
from closedloop.terminal.streams import say

ProgressCallback = Callable[[int, int], None]
"""Called with (done, total); totals may be presentations, items, batches or bytes."""

_LEAST_S, _MOST_S, _STEP = 10.0, 60.0, 0.1  # between lines; a line at each tenth of the work in between


class ProgressLines:
    """Plain lines with percentage and time left, for logs: none in the first seconds, then not too many."""

    def __init__(self, name: str, write: Callable[[str], None] = say, clock: Callable[[], float] = time.monotonic):
        self._name, self._write, self._clock = name, write, clock
        self._begun_s = self._said_s = clock()
        self._said_share = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Say how far the work is, where it is time to.

        Parameters
        ----------
        done, total
            What is done, of what.
        """
        end_if_asked()
        now_s, share = self._clock(), min(done / total, 1.0) if total > 0 else 0.0
        since_s = now_s - self._said_s
        if since_s < _LEAST_S or (since_s < _MOST_S and share - self._said_share < _STEP):
            return
        self._said_s, self._said_share = now_s, share
        left = f", about {_clock((now_s - self._begun_s) * (1 - share) / share)} left" if 0 < share < 1 else ""
        self._write(f"{self._name}: {100 * share:.0f} %{left}")


def shows_bars(console: Console) -> bool:
    """Return whether what moves can be shown: not in a file, a pipe, or on a terminal that only prints."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def bar(name: str) -> Iterator[ProgressCallback]:
    """Say on standard error how far a piece of work is, while the block runs; interrupted, the block is tidied up."""
    console = Console(stderr=True)
    if not shows_bars(console):
        with at_work():
            yield ProgressLines(name)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
    )
    with (
        at_work(),
        Progress(SpinnerColumn(), *columns, TimeRemainingColumn(), console=console, transient=True) as shown,
    ):
        task = shown.add_task(name, total=None)

        def advance(done: int, total: int) -> None:
            end_if_asked()
            shown.update(task, completed=done, total=max(total, 1))

        yield advance


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
