"""Off a terminal, how far the work is: few plain lines, by the clock and by tenths of the work."""

from __future__ import annotations

import pytest

from closedloop.execution.progress import ProgressLines, bar


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def told(n_steps: int, *, step_s: float) -> list[str]:
    """Return the lines of some work that goes on evenly."""
    said: list[str] = []
    clock = Clock()
    tell = ProgressLines("reading", said.append, clock)
    for done in range(1, n_steps + 1):
        clock.now_s += step_s
        tell(done, n_steps)
    return said


def test_what_takes_a_moment_says_nothing() -> None:
    assert told(1000, step_s=0.009) == []


def test_a_minute_is_a_line_every_ten_seconds() -> None:
    assert told(60, step_s=1.0) == [
        "reading: 17 %, about 0:50 left",
        "reading: 33 %, about 0:40 left",
        "reading: 50 %, about 0:30 left",
        "reading: 67 %, about 0:20 left",
        "reading: 83 %, about 0:10 left",
        "reading: 100 %",
    ]


def test_hours_are_a_line_a_minute_at_most() -> None:
    lines = told(10_000, step_s=2.16)  # six hours
    assert len(lines) == 360 - 3  # a line is due at the first step after a minute, 60.48 s
    assert lines[0] == "reading: 0 %, about 5:59:00 left"


def test_a_total_that_is_not_known_yet_is_no_division_by_zero() -> None:
    said: list[str] = []
    clock = Clock()
    tell = ProgressLines("reading", said.append, clock)
    clock.now_s = 100.0
    tell(0, 0)
    assert said == ["reading: 0 %"]


def test_a_log_has_no_carriage_returns_and_no_colours(capfd: pytest.CaptureFixture[str]) -> None:
    with bar("reading") as progress:
        progress(1, 2)
    assert capfd.readouterr() == ("", "")
