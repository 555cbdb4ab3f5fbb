"""Advancing a study on a terminal: progress, the day table, where the report is, clean Ctrl-C."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from closedloop.artifacts.catalog import REPORT
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.console import ConsoleReporter, say_on
from closedloop.commands.days import all_done, count, days_to_come
from closedloop.commands.interrupts import interruptible
from closedloop.execution.found import find_workers
from closedloop.plain_text.printed import command_line
from closedloop.storage import resolved
from closedloop.study.completeness.looks import SETTLE_S, Patience
from closedloop.study.foresight.numbers import refuse_more_days
from closedloop.study.gates.telling import held_lines
from closedloop.study.loop import Outcome, read_identity, run_study
from closedloop.study.waiting.alarms import Alarm, alarm_for
from closedloop.study.waiting.wait import Waiter
from closedloop.terminal.anew import begin_anew, has_begun_anew

if TYPE_CHECKING:
    from closedloop.report.numbers import DayRow, EpsilonCell

DONE, WAITING, HELD = 0, 3, 4
"""Exit codes of `closedloop run`, beside those of every command (`closedloop.terminal`)."""

_WIDE = 240  # columns of a log: what nobody sees on a screen need not fit one, and no number may be cut off


@dataclass(frozen=True)
class Waits:
    """That a run waits instead of ending where a person is needed.

    Attributes
    ----------
    poll_s
        How often it looks for what changed; None: when the system tells, where it does.
    """

    poll_s: float | None = None


def advance(
    study: Path,
    *,
    days: int | None,
    workers: str | None = None,
    settle_s: float | None = None,
    waits: Waits | None = None,
) -> Outcome:
    """Run what is missing, and print the day table and what comes next.

    Parameters
    ----------
    study
        Study folder.
    days
        Days to run; None for all of the protocol.
    workers
        Where attacks are computed, as ``--workers`` takes it; None for this machine.
    settle_s
        How long what is brought must not have changed before it is taken over; a minute by default.
    waits
        To wait for what a person has to do, and go on; None to end there.

    Returns
    -------
    Outcome
        Where the loop stopped.

    Raises
    ------
    ClosedLoopError
        Something that the user can repair.
    typer.Exit
        Interrupted: code 130.
    """
    who = None if workers is None else find_workers(workers)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    paths = StudyPaths(resolved(study))
    document, protocol = read_identity(paths)
    refuse_more_days(protocol, days)
    n_days = days or protocol.days
    if not has_begun_anew():
        kind = "simulated" if document.simulated else "real"
        said = count(n_days, "day")
        say_on(
            console,
            f"closedloop: {kind} study of {document.subject}, protocol {protocol.name}, {said}, in {paths.root}",
        )
    reporter = ConsoleReporter(console, n_days=n_days)
    stopped = "Stopped. Run the same command again to go on; nothing published is lost."
    patience = Patience(SETTLE_S if settle_s is None else settle_s, stays=waits is None)

    def run() -> Outcome:
        with reporter.shown():
            outcome = run_study(paths, reporter, days=n_days, workers=who, patience=patience)
        if reporter.n_ended and waits is not None and exit_code_of(outcome) != DONE:
            begin_anew()  # to rest: a process that computed keeps hundreds of megabytes, and a graphics card's memory
        return outcome

    with interruptible(stopped):
        outcome = run() if waits is None else _waiter(console, paths, run, patience, waits).until_done()
    _print_outcome(console, paths, outcome)
    if outcome.waiting_for is None and not outcome.held_by:
        to_come = days_to_come(n_days, protocol.days, again=command_line("closedloop", "run", study))
        say_on(console, all_done(protocol.days) if n_days == protocol.days else f"{to_come}.")
    return outcome


def exit_code_of(outcome: Outcome) -> int:
    """Return the exit code by which a program that runs a study knows what comes next."""
    if outcome.held_by:
        return HELD
    return DONE if outcome.waiting_for is None else WAITING


def _waiter(
    console: Console, paths: StudyPaths, run: Callable[[], Outcome], patience: Patience, waits: Waits
) -> Waiter:
    """Return who runs a study and waits on it, saying what for with the time of day."""

    def tell(text: str) -> None:
        say_on(console, f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}  {text}")

    def alarm(folders: Sequence[Path]) -> Alarm:
        chosen = alarm_for(folders, poll_s=waits.poll_s)
        if chosen.said() not in told:
            told.add(chosen.said())
            tell(f"This process waits, and {chosen.said()}; Ctrl-C ends it.")
        return chosen

    told: set[str] = set()
    return Waiter(paths, run, alarm, tell, patience)


def _print_outcome(console: Console, paths: StudyPaths, outcome: Outcome) -> None:
    from closedloop.report.amended.comparable import day_table  # noqa: PLC0415 - parquet only once there is a day

    rows, left_out = day_table(paths)
    if rows:
        _print_table(console, rows)
        if left_out:
            say_on(console, f"Days are compared {left_out}; the report says more.")
        say_on(console, _presentations(rows))
    page = paths.report / REPORT.name
    if page.is_file():
        say_on(console, f"Open {page}")
    if outcome.waiting_for:
        say_on(console, f"Waiting for you: {outcome.waiting_for}")
    for line in held_lines(paths.root, outcome.held_by):
        say_on(console, line)


def _print_table(console: Console, rows: list[DayRow]) -> None:
    """Print the table under its title; in a file no line ends in blanks."""
    what = "measured (true)" if _is_true_known(rows) else "measured ± its standard error"
    say_on(console, f"Day by day: sensitivity in sigma, {what}, on the anchor images")
    if console.is_terminal:
        console.print(_table(rows))
    else:
        with console.capture() as captured:
            console.print(_table(rows))
        for line in captured.get().splitlines():
            say_on(console, line.rstrip())
    say_on(console, _WHAT_IS_SHOWN)


_WHAT_IS_SHOWN = (
    "r: predictions of clean images never seen before; signs: attacks that moved their site the way predicted."
)


def _is_true_known(rows: list[DayRow]) -> bool:
    return any(cell.true is not None for row in rows for cell in row.epsilons)


def _table(rows: list[DayRow]) -> Table:
    """Return a row per day: fit, signs, then measured (paper's estimator, standard error) and true sensitivity."""
    epsilons = sorted({cell.epsilon for row in rows for cell in row.epsilons})
    is_true_known = _is_true_known(rows)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    signs = "signs\n(true)" if is_true_known else "signs"  # against the measured change (against the hidden truth)
    for name in ("day", "r", signs, *(f"epsilon {epsilon:g}" for epsilon in epsilons)):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cells = {cell.epsilon: cell for cell in row.epsilons}
        measured, true = (_short(part, 2) for part in (row.sign_agreement_measured, row.sign_agreement_true))
        table.add_row(
            str(row.day),
            _short(row.r, 2),
            f"{measured} ({true})" if is_true_known else measured,
            *(_cell(cells.get(epsilon)) for epsilon in epsilons),
        )
    return table


def _presentations(rows: list[DayRow]) -> str:
    """Return how many presentations are used, and on which days some were set aside."""
    n_used, n_shown = sum(row.n_used or 0 for row in rows), sum(row.n_presented or 0 for row in rows)
    lost = [
        f"day {row.day}: {row.n_presented - row.n_used}"
        for row in rows
        if row.n_used and row.n_presented and row.n_used < row.n_presented
    ]
    aside = f"; set aside, with reasons in the report: {', '.join(lost)}" if lost else ""
    return f"{n_used:,} of {n_shown:,} accepted presentations are used{aside}."


def _cell(cell: EpsilonCell | None) -> str:
    if cell is None or cell.paper is None or math.isnan(cell.paper.mean):
        return "-"
    measured = f"{_short(cell.paper.mean)}±{_short(cell.paper.standard_error)}"
    return measured if cell.true is None else f"{measured} ({_short(cell.true.mean)})"


def _short(value: float | None, digits: int = 3) -> str:
    """Return a number without the zero before the point, so that three epsilons fit on a line."""
    if value is None or math.isnan(value):
        return "-"
    text = f"{value:z.{digits}f}"  # of nothing no sign is shown
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
