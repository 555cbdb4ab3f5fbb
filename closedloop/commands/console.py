"""Progress of the loop on a terminal: one line per finished stage, a bar with the time left for the one that runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from closedloop.artifacts.study import START_DAY
from closedloop.errors import visible
from closedloop.execution.progress import ProgressCallback, ProgressLines, shows_bars
from closedloop.terminal.signals import end_if_asked


def say_on(console: Console, text: str) -> None:
    """Print one line as it is: names and paths may hold what rich or a terminal would act on."""
    console.print(visible(text), highlight=False, soft_wrap=True, markup=False)


class ConsoleReporter:
    """Report to a terminal; to a log file, the lines of finished stages, and on standard error how far one is."""

    def __init__(self, console: Console, *, n_days: int) -> None:
        self._console = console
        moving = console if shows_bars(console) else Console(stderr=True)  # `closedloop run STUDY > log`
        self._n_days = n_days
        self._started = time.monotonic()
        self._stages_done = 0
        self._seconds_by_stage: dict[str, list[float]] = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[whole]}"),
            console=moving,
            transient=True,
            redirect_stdout=moving is console,
            disable=not shows_bars(moving),
        )
        self._task: TaskID | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar while the block runs."""
        with self._progress:
            yield

    def begin(self, day: int, stage: str, attempt: int) -> ProgressCallback:
        """Show a bar for a stage.

        Parameters
        ----------
        day
            Recording day; -1 for the start.
        stage
            Its name.
        attempt
            Counted from 1.

        Returns
        -------
        ProgressCallback
            Moves the bar.
        """
        end_if_asked()
        self._drop_task()
        name = _name(day, stage) + (f"  (attempt {attempt})" if attempt > 1 else "")
        if self._progress.disable:
            return ProgressLines(name)
        task = self._progress.add_task(name, total=None, whole=self._whole_left(day))
        self._task = task

        def advance(done: int, total: int) -> None:
            end_if_asked()
            self._progress.update(task, completed=done, total=max(total, 1))

        return advance

    def end(self, day: int, stage: str, seconds: float) -> None:
        """Print the line of a finished stage.

        Parameters
        ----------
        day
            Recording day; -1 for the start.
        stage
            Its name.
        seconds
            How long it took.
        """
        self._drop_task()
        self._seconds_by_stage.setdefault(stage, []).append(seconds)
        elapsed = time.monotonic() - self._started
        self._console.print(
            f"  {_name(day, stage):<22} {seconds:7.1f} s   [dim]{_clock(elapsed)} in all[/dim]", highlight=False
        )

    def say(self, text: str) -> None:
        """Print a line."""
        say_on(self._console, text)

    def _drop_task(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def _whole_left(self, day: int) -> str:
        """Estimate the time to the end of the last day from the days seen so far."""
        a_day = sum(sum(seconds) / len(seconds) for seconds in self._seconds_by_stage.values())
        if day < 1 or not a_day:
            return f"day {max(day, 0) + 1} of {self._n_days}"
        return f"day {day + 1} of {self._n_days}, about {_clock(a_day * (self._n_days - day))} to the end"


def _name(day: int, stage: str) -> str:
    return stage if day == START_DAY else f"day {day}  {stage}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
