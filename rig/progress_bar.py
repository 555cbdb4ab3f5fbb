"""Progress of a session on stderr: accepted of planned, rejected, time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from closedloop.terminal.streams import say
from rig.machine.state import SessionState

_QUIET_S = 10.0  # between lines, where stderr is no terminal


class TimeLeft:
    """Extrapolates from the session's own clock how long the rest takes; nothing is accepted in a pause."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def text(self, state: SessionState, now_s: float) -> str:
        """Return it in words; called after each trial."""
        running_s = now_s - state.paused_s
        if self._first is None:
            self._first = (state.n_accepted, running_s)
        n_done, elapsed_s = state.n_accepted - self._first[0], running_s - self._first[1]
        if n_done <= 0 or elapsed_s <= 0:
            return "time left unknown"
        return f"{len(state.queue) * elapsed_s / n_done / 60:.1f} min of session left"


@contextmanager
def session_progress(n_planned: int, *, quiet: bool = False) -> Iterator[Callable[[SessionState, float], None]]:
    """Yield a function to call after each trial: a bar on a terminal, elsewhere a line now and then.

    It does nothing where `quiet`: the operator's page says it all.
    """
    if quiet:
        yield lambda _state, _now_s: None
        return
    console = Console(stderr=True)
    time_left = TimeLeft()
    if console.is_terminal and not console.is_dumb_terminal:
        bar = Progress(TextColumn("{task.description}"), BarColumn(), console=console)
        task = bar.add_task("presenting", total=n_planned)

        def move(state: SessionState, now_s: float) -> None:
            with suppress(OSError):  # the terminal was closed: the session ends by that, not by its progress bar
                bar.start()  # not before: what the checks say is read line by line
                bar.update(
                    task, completed=state.n_accepted, description=_line(state, n_planned, time_left.text(state, now_s))
                )

        try:
            yield move
        finally:
            with suppress(OSError):
                bar.stop()
        return
    last_s = time.monotonic()

    def line(state: SessionState, now_s: float) -> None:
        nonlocal last_s
        left = time_left.text(state, now_s)
        if time.monotonic() - last_s >= _QUIET_S:
            last_s = time.monotonic()
            say(_line(state, n_planned, left))

    yield line


def _line(state: SessionState, n_planned: int, left: str) -> str:
    share = 100 * state.n_accepted / max(n_planned, 1)
    counts = f"{state.n_accepted}/{n_planned} accepted, {state.n_rejections.total()} rejected"
    return f"{share:.0f} %, {counts}, {left}"
