"""What the attacks attained of the white-box bound, on the pages of a simulated study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts.day.evaluation import AttainedFraction
from closedloop.report.amended.comparable import comparable
from closedloop.report.numbers import summary_rows
from closedloop.report.reading import StudyRecord, read_study
from closedloop.report.tables import attained_over_days, growth


def attained_at(epsilon: float, fraction: float | None, low: float | None, high: float | None) -> AttainedFraction:
    return AttainedFraction(
        epsilon=epsilon,
        image_set="anchors",
        fraction=fraction,
        interval_low=low,
        interval_high=high,
        true=None if fraction is None else fraction * epsilon,
        white_box=epsilon,
        n_pairs=168,
        n_images=56,
        n_sites=21,
    )


@pytest.fixture
def record(tmp_path: Path, build_study: Any) -> StudyRecord:
    """Give a study whose last evaluated day says what it attained, as one does that a newer version goes on with."""
    study = read_study(build_study(tmp_path / "study", n_evaluated=3, under_way=False))
    cells = (attained_at(1.0, 0.3124, 0.2711, 0.3546), attained_at(10.0, 0.41, None, None))
    *before, last = study.days
    assert last.evaluation is not None
    evaluation = last.evaluation.model_copy(update={"attained": cells})
    return replace(study, days=(*before, replace(last, evaluation=evaluation)))


def growth_cells(record: StudyRecord) -> tuple[list[str], str]:
    rows = summary_rows([row for day in record.evaluated for row in day.sensitivity])
    table = growth(record.evaluated[1], record.evaluated[-1], rows)
    return [row[-1] for row in table.rows], table.caption


def test_the_table_has_the_days_that_know_it_with_intervals_and_bounds(record: StudyRecord) -> None:
    table = attained_over_days(record.days, record.protocol.evaluation)
    assert table is not None
    assert table.columns == ("", "ε = 1 attained", "ε = 1 bound", "ε = 10 attained", "ε = 10 bound")
    assert table.rows == (("day 2", "0.312 (0.271 to 0.355)", "1.000", "0.410 (interval unknown)", "10.00"),)
    assert "searched by cosine: one start, 8 steps." in table.caption


def test_the_table_says_how_the_bound_was_searched(record: StudyRecord) -> None:
    evaluation = record.protocol.evaluation.model_copy(
        update={"white_box_search": "strengthened", "white_box_restarts": 2}
    )
    table = attained_over_days(record.days, evaluation)
    assert table is not None
    assert "searched by strengthened: 2 starts, 8 steps in each of two balls." in table.caption


def test_a_study_without_it_has_no_such_table_and_the_ratio_of_the_truth_as_before(record: StudyRecord) -> None:
    older = replace(record, days=record.days[:-1])
    assert attained_over_days(older.days, older.protocol.evaluation) is None
    cells, caption = growth_cells(older)
    assert cells[2].startswith(f"{0.230 / 1.904:.3f} ± ")
    assert "sealed sign" not in caption


def test_growth_shows_what_the_last_day_attained_by_the_sealed_sign(record: StudyRecord) -> None:
    cells, caption = growth_cells(record)
    assert (cells[0], cells[2]) == ("0.312 (0.271 to 0.355)", "0.410 (interval unknown)")
    assert cells[1].startswith(f"{0.090 / 0.422:.3f} ± ")  # of an epsilon that it does not know
    assert "by the sealed sign, with its 95 % interval" in caption


def test_days_of_different_sites_are_not_compared_by_it(record: StudyRecord) -> None:
    last = record.days[-1]
    assert last.pairs is not None
    lost = {name: column[last.pairs["neuroid_id"] != "array1-e03"] for name, column in last.pairs.items()}
    compared = comparable(replace(record, days=(*record.days[:-1], replace(last, pairs=lost))))
    assert compared.said
    assert attained_over_days(compared.record.days, record.protocol.evaluation) is None
