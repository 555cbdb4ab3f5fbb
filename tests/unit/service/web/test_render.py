"""What a page says of times and numbers, and JSON that every reader takes."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from closedloop.service.charts import Chart, ChartLine
from closedloop.service.web.render import StudyName, chart_values, commands, duration, number, render_json


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (math.nan, ""),
        (0, "0 s"),
        (-3, "0 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (89 * 60, "89 min"),
        (90 * 60, "1 h 30 min"),
        (5 * 3600 + 59, "5 h 01 min"),
        (47 * 3600 + 59 * 60, "47 h 59 min"),
        (72 * 3600, "3 days"),
    ],
)
def test_a_time_is_said_as_a_person_says_it(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_commands_of_a_line_are_code_and_nothing_of_it_is_markup() -> None:
    said = "present it with `rig present /a<b> --out <i>` (`rig init` writes it), or ` alone"
    shown = "<code>rig present /a&lt;b&gt; --out &lt;i&gt;</code> (<code>rig init</code> writes it)"
    assert commands(said) == f"present it with {shown}, or ` alone"


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (math.inf, "–"), (0.0, "0"), (0.123456, "0.123"), (12.34, "12.3"), (1234.5, "1,234"), (-7, "-7")],
)
def test_a_number_has_the_digits_that_tell_something(value: float | None, said: str) -> None:
    assert number(value) == said


@dataclass(frozen=True)
class Shown:
    rates: tuple[float, ...]
    place: Path
    counts: dict[int, object]


def test_json_has_no_word_that_is_none_of_json() -> None:
    shown = Shown((1.5, math.nan, -math.inf), Path("/x/é"), {3: np.array([1, 2]), 4: np.float64(math.nan), 5: {"a"}})
    assert json.loads(render_json(shown), parse_constant=pytest.fail) == {
        "rates": [1.5, None, None],
        "place": "/x/é",
        "counts": {"3": [1, 2], "4": None, "5": ["a"]},
    }


def test_the_address_of_a_study_is_one_step_whatever_its_name() -> None:
    assert StudyName("a/b?c#d<e>").url == "/study/a%2Fb%3Fc%23d%3Ce%3E"


def test_a_charts_values_stand_between_single_quotes_whatever_its_lines_are_called() -> None:
    name = '\'><script>mine</script> & "x"'
    line = ChartLine(name, (1.5, None, float("nan")), low=(1.0, None, None), high=(2.0, None, None))
    text = str(chart_values(Chart("one", "One", "day", "r", (0, 1, 2), (line,), lowest=0.0)))
    assert not set("'<>&") & set(text)
    assert json.loads(text) == {
        "x": [0, 1, 2],
        "x_label": "day",
        "y_label": "r",
        "lowest": 0.0,
        "lines": [
            {"label": name, "y": [1.5, None, None], "low": [1.0, None, None], "high": [2.0, None, None], "shift": 0.0}
        ],
    }
