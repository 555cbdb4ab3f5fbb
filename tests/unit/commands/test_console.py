"""What the loop prints: in a log file only the finished stages, on a terminal a bar as well."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from closedloop.artifacts.study import STAGES, START_DAY
from closedloop.commands.console import ConsoleReporter, StudyTimeLeft, say_on
from closedloop.commands.days import count, days_to_come
from closedloop.errors import visible
from closedloop.execution.progress import ProgressLines


def report(*, terminal: bool) -> str:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100)
    reporter = ConsoleReporter(console, n_days=3)
    with reporter.shown():
        progress = reporter.begin(-1, "start", 1)
        progress(1, 2)
        reporter.end(-1, "start", 2.0)
        progress = reporter.begin(0, "plan", 2)
        progress(0, 0)  # nothing to do is no division by zero
        reporter.end(0, "plan", 61.26)
        reporter.say("day-00 plan is stale")
    return written.getvalue()


def test_a_log_file_has_one_line_per_finished_stage() -> None:
    lines = report(terminal=False).splitlines()
    assert lines[0].startswith("  start")
    assert "2.0 s" in lines[0]
    assert lines[1].startswith("  day 0  plan")
    assert "61.3 s" in lines[1]
    assert lines[2:] == ["day-00 plan is stale"]


def test_a_terminal_shows_the_stage_its_attempt_and_the_day() -> None:
    shown = report(terminal=True)
    assert "day 0  plan  (attempt 2)" in shown
    assert "day 1 of 3" in shown


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("text", ["[/b] [red]x[/red] [link=http://x]y[/link]", "a\x1b[2Jb\nc\u202e"])
def test_what_is_said_is_printed_as_it_is(text: str, terminal: bool) -> None:
    written = io.StringIO()
    say_on(Console(file=written, force_terminal=terminal, width=100), text)
    assert written.getvalue() == visible(text) + "\n"


def test_a_log_says_on_standard_error_how_far_a_long_stage_is(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    reporter = ConsoleReporter(console, n_days=1)
    with reporter.shown():
        progress = reporter.begin(0, "ingest", 2)
    assert isinstance(progress, ProgressLines)
    assert capsys.readouterr() == ("", "")


def test_a_number_and_its_noun_agree() -> None:
    assert [count(n, "day") for n in (0, 1, 2, 12_000)] == ["no day", "1 day", "2 days", "12,000 days"]


def test_days_to_come_say_how_it_goes_on() -> None:
    assert days_to_come(1, 6, again="closedloop run x") == "1 of 6 days is done: `closedloop run x` goes on"
    assert days_to_come(2, 6, again="closedloop run x") == "2 of 6 days are done: `closedloop run x` goes on"


def left_of_three_days() -> StudyTimeLeft:
    """Day 0 is done: 10 s a stage, its evaluation 50 s; the start took 1,000 s."""
    left = StudyTimeLeft(n_days=3)
    left.note(START_DAY, "start", 1_000)
    for stage in STAGES:
        left.note(0, stage, 50 if stage == "evaluate" else 10)
    return left


def test_the_time_left_is_of_the_stages_to_come_and_falls_to_zero() -> None:
    """A day is of nine stages, 130 s; the last has no queue."""
    left = left_of_three_days()
    assert left.left_s(1, "plan", elapsed_s=0) == 130 + 120
    assert left.left_s(1, "plan", elapsed_s=4) == 126 + 120
    assert left.left_s(1, "evaluate", elapsed_s=20) == 30 + 10 + 120
    assert left.left_s(1, "queue", elapsed_s=10) == 120
    assert left.left_s(2, "refit", elapsed_s=10) == 50
    assert left.left_s(2, "evaluate", elapsed_s=49) == 1
    assert left.left_s(2, "evaluate", elapsed_s=80) == 0


def test_a_stage_that_tells_how_far_it_is_corrects_the_day_before() -> None:
    assert left_of_three_days().left_s(2, "evaluate", elapsed_s=20, share=0.5) == 20


def test_no_time_is_told_before_every_stage_was_seen() -> None:
    left = StudyTimeLeft(n_days=3)
    assert left.left_s(0, "plan", elapsed_s=0) is None
    left.note(1, "evaluate", 50)  # resumed in the middle of a day
    assert left.left_s(2, "plan", elapsed_s=0) is None
