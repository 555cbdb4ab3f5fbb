"""The day table on the terminal: which numbers are measured, which are the simulation's own, and that it fits."""

from __future__ import annotations

import io
import math

from rich.console import Console

from closedloop.commands.run import _print_table, _table
from closedloop.report.numbers import DayRow, EpsilonCell
from closedloop.report.reading import SensitivityRow


def day_row(day: int, *, simulated: bool) -> DayRow:
    cells = tuple(
        EpsilonCell(
            epsilon,
            SensitivityRow(day, epsilon, "paper", False, "anchors", "", -0.025, 0.031, 84, 21),
            SensitivityRow(day, epsilon, "true", True, "anchors", "", 0.188, 0.001, 84, 21) if simulated else None,
        )
        for epsilon in (1.0, 2.5, 10.0)
    )
    return DayRow(day, -0.04, 0.493, 0.951 if simulated else None, cells, 100, 100)


def printed(*, simulated: bool) -> str:
    console = Console(width=80, file=io.StringIO())
    console.print(_table([day_row(day, simulated=simulated) for day in range(6)]))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_signs_are_those_measured_and_in_brackets_those_of_the_hidden_truth() -> None:
    text = printed(simulated=True)
    assert "-.04  .49 (.95)  -.025±.031 (.188)" in text
    assert "(true)" in text.splitlines()[1] + text.splitlines()[2]
    assert "…" not in text  # whole on a terminal of eighty columns


def test_a_real_study_has_the_measured_signs_alone() -> None:
    text = printed(simulated=False)
    assert "-.04    .49  -.025±.031" in text
    assert "true" not in text


def test_a_day_that_is_left_out_of_the_evaluation_has_dashes() -> None:
    nothing = SensitivityRow(0, 1.0, "paper", False, "anchors", "", math.nan, math.nan, 0, 0)
    row = DayRow(0, math.nan, math.nan, None, (EpsilonCell(1.0, nothing, None),), 100, 100)
    console = Console(width=80, file=io.StringIO())
    console.print(_table([row]))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[-2].split() == ["0", "-", "-", "-"]


def test_in_a_file_the_title_is_one_line_and_no_line_ends_in_blanks() -> None:
    written = io.StringIO()
    _print_table(Console(width=240, file=written), [day_row(day, simulated=True) for day in range(2)])
    lines = written.getvalue().splitlines()
    assert lines[0] == "Day by day: sensitivity in sigma, measured (true), on the anchor images"
    assert [line for line in lines if line != line.rstrip()] == []
    assert any("-.025±.031 (.188)" in line for line in lines)
    assert lines[-1].startswith("r: predictions of clean images never seen before; signs:")
