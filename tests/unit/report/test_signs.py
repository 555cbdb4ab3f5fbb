"""The share of signs that are right, its size and its error are of the attacks that moved their site at all."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closedloop.report.numbers import day_rows
from closedloop.report.pages import write_report
from closedloop.report.reading import read_study
from closedloop.report.signs import SignCounts, count_signs, sign_note
from closedloop.report.tables import by_epsilon
from closedloop.report.wording import share
from tests.unit.report.conftest import EPSILONS, evaluated_study

PAIRS = {
    "kind": np.array(["attacked"] * 6 + ["gaussian"]),
    "epsilon": np.array([1.0, 1.0, 1.0, 2.5, 2.5, 2.5, 2.5]),
    "predicted_sign": np.array([1, -1, 1, 1, 1, -1, 0]),
    "change": np.array([0.5, 0.5, 0.0, 0.25, np.nan, 0.0, 3.0]),
    "true_change": np.array([0.5, -0.5, 0.1, 0.2, 0.1, -0.1, 3.0]),
}


def test_attacks_without_a_change_are_in_no_share() -> None:
    assert count_signs(PAIRS) == SignCounts(n_right=2, n_counted=3, n_still=2, n_unknown=1)
    assert count_signs(PAIRS, epsilon=2.5) == SignCounts(1, 1, 1, 1)
    assert count_signs(PAIRS, true=True) == SignCounts(6, 6, 0, 0)


def test_the_tile_says_how_many_count_and_how_many_do_not() -> None:
    said = sign_note(count_signs(PAIRS), 1.0)
    assert said.startswith("of 3 attacks with a change moved their site as sealed (± binomial SE); not counted: ")
    assert "; not counted: 2 without any change and 1 not measured; in truth 100" in said
    assert "not counted" not in sign_note(SignCounts(5, 9, 0, 0), None)


def test_the_page_and_its_tables_count_the_same(tmp_path: Path) -> None:
    paths = evaluated_study(tmp_path / "study", n_evaluated=1, under_way=False)
    record = read_study(paths)
    (day,) = record.days
    assert day.pairs is not None
    assert day.evaluation is not None
    still = np.flatnonzero(day.pairs["epsilon"] == EPSILONS[0])[:100]
    change = day.pairs["change"].copy()
    change[still] = 0.0
    pairs = day.pairs | {"change": change}
    first, *others = day.evaluation.epsilons
    table = by_epsilon(day.evaluation, pairs)
    assert table.rows[0][1:3] == (str(first.n_pairs), share(first.sign_agreement_measured, first.n_pairs - 100))
    assert table.rows[1][2] == share(others[0].sign_agreement_measured, others[0].n_pairs)
    (row,) = day_rows(replace(record, days=(replace(day, pairs=pairs),)))
    weights = [one.n_pairs - 100 * (one is first) for one in day.evaluation.epsilons]
    parts = [one.sign_agreement_measured or math.nan for one in day.evaluation.epsilons]
    assert row.sign_agreement_measured == pytest.approx(np.average(parts, weights=weights))


def test_a_page_of_before_a_decision_says_so_at_its_top(tmp_path: Path) -> None:
    paths = evaluated_study(tmp_path / "study", n_evaluated=2, under_way=False)
    outdated = {read_study(paths).days[1].session: ("refit (what is left out of the fit changed)",)}
    write_report(paths, outdated)
    said = "These numbers were made before what was decided since. Still to be made again: day 1: refit"
    for name, is_of_it in (("index.html", True), ("day-01.html", True), ("day-00.html", False)):
        text = (paths.report / name).read_text(encoding="utf-8")
        assert (said in text) is is_of_it
        first = text.find('<p class="notice">')
        assert (text.find(said) == first + len('<p class="notice">')) is is_of_it
    write_report(paths)
    assert said not in (paths.report / "index.html").read_text(encoding="utf-8")
