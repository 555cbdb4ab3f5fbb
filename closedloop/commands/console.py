"""Progress of the loop on a terminal: one line per finished stage, a bar with the time left for the one that runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import STAGES, START_DAY
from closedloop.errors import visible
from closedloop.execution.progress import ProgressCallback, ProgressLines, shows_bars
from closedloop.terminal.signals import end_if_asked

_TELLING_SHARE = 0.1  # of a stage: from there on its own pace tells more than how long it took on the day before


def say_on(console: Console, text: str) -> None:
    """Print one line as it is: names and paths may hold what rich or a terminal would act on."""
    console.print(visible(text), highlight=False, soft_wrap=True, markup=False)


class StudyTimeLeft:
    """How long a study still takes, from the stages seen so far, each as long as it took last.

    Nothing is said before every stage was seen; the start is of no day.
    """

    def __init__(self, *, n_days: int) -> None:
        self._n_days = n_days
        self._last_s: dict[str, float] = {}

    def note(self, day: int, stage: str, seconds: float) -> None:
        """Hear how long a stage took.

        Parameters
        ----------
        day, stage
            Which.
        seconds
            How long.
        """
        if day != START_DAY:
            self._last_s[stage] = seconds

    def left_s(self, day: int, stage: str, *, elapsed_s: float, share: float = 0.0) -> float | None:
        """Return the seconds to the end of the last day; None where too little was seen.

        Parameters
        ----------
        day, stage
            What runs now.
        elapsed_s, share
            For how long, and which part of it is done.
        """
        if day < 1 or set(STAGES) - set(self._last_s):
            return None
        own_s = self._last_s[stage] - elapsed_s
        if share > _TELLING_SHARE:
            own_s = elapsed_s * (1 - share) / share
        to_come = [self._last_s[name] for name in STAGES[STAGES.index(stage) + 1 :]]
        whole_days_s = (self._n_days - day - 1) * sum(self._last_s.values())
        no_queue_s = self._last_s["queue"]  # on the last day: no day after it is prepared
        return max(own_s, 0.0) + sum(to_come) + whole_days_s - no_queue_s


class _WholeColumn(ProgressColumn):
    """Renders which day it is and when all are done, anew each time."""

    def render(self, task: Task) -> Text:
        """Return what stands behind the bar."""
        return Text(task.fields["whole"](task), style="dim")


class ConsoleReporter:
    """Report to a terminal; to a log file, the lines of finished stages, and on standard error how far one is."""

    def __init__(self, console: Console, *, n_days: int) -> None:
        self._console = console
        moving = console if shows_bars(console) else Console(stderr=True)  # `closedloop run STUDY > log`
        self._n_days = n_days
        self._started = time.monotonic()
        self.n_ended = 0
        self._left = StudyTimeLeft(n_days=n_days)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            _WholeColumn(),
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

    def begin(self, day: int, stage: str, attempt: int, *, block: int = 1) -> ProgressCallback:
        """Show a bar for a stage.

        Parameters
        ----------
        day
            Recording day; -1 for the start.
        stage
            Its name.
        attempt
            Counted from 1.
        block
            Of which of the day's sessions.

        Returns
        -------
        ProgressCallback
            Moves the bar.
        """
        end_if_asked()
        self._drop_task()
        name = _name(Block(day, block), stage) + (f"  (attempt {attempt})" if attempt > 1 else "")
        if self._progress.disable:
            return ProgressLines(name)
        task = self._progress.add_task(name, total=None, whole=partial(self._whole_left, day, stage))
        self._task = task

        def advance(done: int, total: int) -> None:
            end_if_asked()
            self._progress.update(task, completed=done, total=max(total, 1))

        return advance

    def end(self, day: int, stage: str, seconds: float, *, block: int = 1) -> None:
        """Print the line of a finished stage.

        Parameters
        ----------
        day
            Recording day; -1 for the start.
        stage
            Its name.
        seconds
            How long it took.
        block
            Of which of the day's sessions.
        """
        self._drop_task()
        self.n_ended += 1
        self._left.note(day, stage, seconds)
        elapsed = time.monotonic() - self._started
        self._console.print(
            f"  {_name(Block(day, block), stage):<22} {seconds:7.1f} s   [dim]{_clock(elapsed)} in all[/dim]",
            highlight=False,
        )

    def say(self, text: str) -> None:
        """Print a line."""
        say_on(self._console, text)

    def _drop_task(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def _whole_left(self, day: int, stage: str, task: Task) -> str:
        words = f"day {max(day, 0) + 1} of {self._n_days}"
        share = task.completed / task.total if task.total else 0.0
        left_s = self._left.left_s(day, stage, elapsed_s=task.elapsed or 0.0, share=share)
        return words if left_s is None else f"{words}, about {_clock(left_s)} to the end"


def _name(session: Block, stage: str) -> str:
    return stage if session.day == START_DAY else f"day {session.seed_name}  {stage}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
