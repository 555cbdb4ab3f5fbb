"""How long work says how far it is, and a bar with the time left for one piece of it on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

ProgressCallback = Callable[[int, int], None]
"""Called with (done, total); totals may be presentations, items, batches or bytes."""


@contextmanager
def bar(name: str) -> Iterator[ProgressCallback]:
    """Show one bar with the time left on standard error while the block runs; nothing where there is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(
        SpinnerColumn(),
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as shown:
        task = shown.add_task(name, total=None)

        def advance(done: int, total: int) -> None:
            shown.update(task, completed=done, total=max(total, 1))

        yield advance
