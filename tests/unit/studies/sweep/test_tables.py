"""From single subjects to coverage, power and false alarms: against numbers that can be counted by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from closedloop.errors import StudyError
from closedloop.studies.sweep.documents import ALL_DAYS, JudgedEstimate, JudgedTest, SweepSettings, SweptSubject
from closedloop.studies.sweep.judging import ASKED, FALSE_ALARM, POWER
from closedloop.studies.sweep.report import results_as_json, write_sweep_report
from closedloop.studies.sweep.tables import answers_table, estimates_table

POWER_TEST, ALARM = (next(test for test, asked in ASKED.items() if asked == kind) for kind in (POWER, FALSE_ALARM))


def estimate(mean: float, truth: float, *, half: float = 1.0, **changes: object) -> JudgedEstimate:
    values = {"day": 0, "epsilon": 1.0, "estimate": "paper", "over": "images", "site": ""} | changes
    return JudgedEstimate.model_validate(
        values
        | {"mean": mean, "standard_error": half / 2, "interval_low": mean - half, "interval_high": mean + half}
        | {"truth": truth}
    )


def subject(
    number: int, *estimates: JudgedEstimate, tests: tuple[JudgedTest, ...] = (), **changes: object
) -> SweptSubject:
    return SweptSubject(
        simulated=True,
        code_version="1",
        protocol_name="small",
        protocol_sha256="f" * 64,
        subject=f"sweep-{number:03d}",
        cpu_s=1.0,
        estimates=estimates,
        tests=tests,
    ).model_copy(update=changes)


def found(table: dict[str, np.ndarray], **wanted: object) -> dict[str, object]:
    """Return the only row with some values."""
    own = np.ones(len(next(iter(table.values()))), dtype=bool)
    for name, value in wanted.items():
        own &= np.isnan(table[name]) if isinstance(value, float) and math.isnan(value) else table[name] == value
    (place,) = np.flatnonzero(own)
    return {name: column[place] for name, column in table.items()}


def test_coverage_of_single_cells_is_a_binomials() -> None:
    swept = [subject(n, estimate(0.0 if n % 20 else 1.5, 0.0)) for n in range(100)]
    row = found(estimates_table(swept), day=ALL_DAYS)
    assert row["covered"] == 0.95
    assert (row["covered_low"], row["covered_high"]) == pytest.approx((0.8882, 0.9785), abs=5e-4)  # Wilson, 95 of 100
    assert (row["above"], row["below"]) == (0.05, 0)
    assert (row["bias"], row["n_subjects"]) == (pytest.approx(0.075), 100)
    assert row["spread"] == pytest.approx(math.sqrt(0.05 * 1.5**2))


def test_days_of_a_subject_that_agree_are_no_more_trials_than_one() -> None:
    swept = [subject(n, *(estimate(0.0 if n % 5 else 1.5, 0.0, day=day) for day in range(6))) for n in range(50)]
    table = estimates_table(swept)
    pooled, one_day = found(table, day=ALL_DAYS), found(table, day=3)
    assert pooled["covered"] == one_day["covered"] == 0.8
    assert (pooled["covered_low"], pooled["covered_high"]) == pytest.approx(
        (one_day["covered_low"], one_day["covered_high"]), abs=1e-9
    )
    all_held = estimates_table([subject(n, *(estimate(0, 0, day=day) for day in range(6))) for n in range(50)])
    assert found(all_held, day=ALL_DAYS)["covered_low"] == pytest.approx(50 / (50 + 1.959964**2))  # Wilson, 50 of 50


def test_all_epsilons_stand_together_before_each() -> None:
    swept = [subject(n, estimate(0, 0), estimate(1.5, 0, epsilon=10.0)) for n in range(4)]
    table = estimates_table(swept)
    assert found(table, day=ALL_DAYS, epsilon=math.nan)["covered"] == 0.5
    assert found(table, day=ALL_DAYS, epsilon=10.0)["covered"] == 0


def test_an_interval_over_sites_has_to_hold_the_mean_over_subjects() -> None:
    swept = [subject(n, estimate(4.0 * n, 4.0 * n, over="images and sites")) for n in range(3)]
    row = found(estimates_table(swept), day=ALL_DAYS)
    assert (row["covered"], row["truth"]) == (pytest.approx(1 / 3), 4.0)
    roots = [subject(n, estimate(n, n, over="images and sites", estimate="gaussian")) for n in (1, 7)]
    assert found(estimates_table(roots), day=ALL_DAYS)["truth"] == pytest.approx(5.0)  # root of the mean of 1 and 49


def test_tests_are_counted_over_the_subjects_of_which_they_were_asked() -> None:
    def rang(value: float, test: str) -> JudgedTest:
        return JudgedTest(day=1, epsilon=2.5, test=test, found=value)

    swept = [subject(n, tests=(rang(float(n < 3), POWER_TEST),) + ((rang(0, ALARM),) if n else ())) for n in range(4)]
    table = answers_table(swept)
    power, alarm = found(table, asked=POWER), found(table, asked=FALSE_ALARM)
    assert (power["rate"], power["n_subjects"]) == (0.75, 4)
    assert (alarm["rate"], alarm["n_subjects"], alarm["rate_low"]) == (0, 3, 0)
    assert alarm["rate_high"] == pytest.approx(1.959964**2 / (3 + 1.959964**2))  # Wilson, none of 3


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., list[str]]:
    settings = SweepSettings(
        simulated=True,
        code_version="1",
        protocols={"small": "f" * 64},
        n_subjects=3,
        first_subject="sweep-000",
        last_subject="sweep-002",
    )
    return lambda swept: write_sweep_report(tmp_path, settings, swept, command="closedloop sweep small")


def test_a_subject_whose_recording_is_of_no_use_is_told(report: Callable[..., list[str]], tmp_path: Path) -> None:
    tests = (JudgedTest(day=0, epsilon=1.0, test=POWER_TEST, found=1.0),)
    swept = [subject(n, estimate(0, 0), tests=tests) for n in range(2)]
    lines = report([*swept, subject(2, ended_by="day-00/recording: expected electrodes")])
    assert "1 of 3 studies ended before their time and count nowhere, sweep-002 with: day-00/recording" in lines[-2]
    assert any("100.0 % [ 34.2, 100.0]  paper ε = 1, over images" in line for line in lines)
    assert '"covered": 1.0' in results_as_json(tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "Power and false alarms" in page
    assert "attacks: the paper's interval above zero" in page.replace("&#39;", "'")
    with pytest.raises(StudyError, match="found that all 1 ended before their time, sweep-000 with: no electrode"):
        report([subject(0, ended_by="no electrode")])


def test_the_lines_tell_all_epsilons_together_and_the_last_day(report: Callable[..., list[str]]) -> None:
    """Of many epsilons and days the tables alone have each: the lines fit on a screen."""
    tests = tuple(JudgedTest(day=day, epsilon=1.0, test=POWER_TEST, found=1.0) for day in range(3))
    cells = [estimate(0, 0, day=day, epsilon=epsilon) for day in range(3) for epsilon in (1.0, 10.0)]
    lines = report([subject(n, *cells, tests=tests) for n in range(3)])
    assert [line.split("]  ")[1] for line in lines if "]  " in line] == [
        "paper, over images",
        f"{POWER_TEST} ε = 1 (n = 3)",
    ]
    assert "Power, last day:" in lines
