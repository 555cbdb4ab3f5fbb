from __future__ import annotations

import numpy as np
import pytest

from closedloop.artifacts.comparison.values import (
    differing_arrays,
    differing_columns,
    differing_documents,
    differing_values,
)
from closedloop.artifacts.day.evaluation import EpsilonEvaluation
from closedloop.artifacts.day.responses import Site, SiteTable


def test_equal_values_are_no_difference_and_what_is_no_number_equals_itself() -> None:
    values = np.array([1.0, np.nan, np.inf])
    assert differing_values("f", "x", values, values.copy()) == []
    assert differing_values("f", "x", np.array(["a", ""]), np.array(["a", ""])) == []


def test_a_difference_is_told_with_its_number_and_its_largest_size() -> None:
    (found,) = differing_values("f", "x", np.array([1.0, 2.0, 4.0, 0.0]), np.array([1.0, 3.0, 0.0, 0.0]))
    assert (found.n_different, found.n_compared) == (2, 4)
    assert found.largest_absolute == 4.0
    assert found.largest_relative == 1.0
    assert found.example == "[1] 2 is published, 3 was made"


def test_the_largest_relative_difference_is_a_part_of_the_larger_value() -> None:
    (found,) = differing_values("f", "x", np.array([10.0, 1000.0]), np.array([8.0, 1010.0]))
    assert found.largest_absolute == 10.0
    assert found.largest_relative == pytest.approx(0.2)


def test_a_value_that_became_none_is_counted_and_has_no_size() -> None:
    (found,) = differing_values("f", "x", np.array([1.0, 2.0]), np.array([1.0, np.nan]))
    assert found.n_different == 1
    assert found.largest_absolute is None


def test_integers_of_opposite_ends_are_subtracted_without_a_wrap() -> None:
    (found,) = differing_values("f", "x", np.array([250], np.uint8), np.array([3], np.uint8))
    assert found.largest_absolute == 247


def test_texts_are_counted_without_a_size() -> None:
    (found,) = differing_values("f", "x", np.array(["a", "b"]), np.array(["a", "c"]))
    assert (found.n_different, found.largest_absolute) == (1, None)


def test_arrays_of_another_shape_are_one_difference() -> None:
    (found,) = differing_arrays("f", {"x": np.zeros((2, 3))}, {"x": np.zeros((2, 4))})
    assert "2 x 3 is published, 2 x 4 was made" in found.example


def test_an_array_that_only_one_has_is_told() -> None:
    found = differing_arrays("f", {"x": np.zeros(1)}, {"y": np.zeros(1)})
    assert [(one.place, one.example) for one in found] == [("x", "published only"), ("y", "made only")]


def test_rows_are_compared_by_their_names_where_a_table_has_others() -> None:
    published = {"site": np.array(["a", "b", "c"]), "mean": np.array([1.0, 2.0, 3.0])}
    made = {"site": np.array(["c", "a", "d"]), "mean": np.array([3.0, 1.5, 9.0])}
    rows, mean = differing_columns("t", published, made, keys=("site",))
    assert rows.place == "rows"
    assert (rows.n_different, rows.n_compared) == (2, 3)
    assert rows.example == "published only: b; made only: d"
    assert (mean.place, mean.n_different, mean.n_compared, mean.largest_absolute) == ("mean", 1, 2, 0.5)


def test_rows_whose_names_stand_twice_are_compared_in_their_order() -> None:
    published = {"site": np.array(["a", "a"]), "mean": np.array([1.0, 2.0])}
    made = {"site": np.array(["a", "a"]), "mean": np.array([1.0, 5.0])}
    (mean,) = differing_columns("t", published, made, keys=("site",))
    assert (mean.n_different, mean.largest_absolute) == (1, 3.0)


def test_tables_of_other_lengths_without_names_are_told_by_their_lengths_alone() -> None:
    (rows,) = differing_columns("t", {"x": np.arange(3)}, {"x": np.arange(5)})
    assert (rows.place, rows.n_different, rows.n_compared) == ("rows", 2, 5)


def test_leaves_of_a_list_count_under_one_key() -> None:
    def table(*rates: float | None) -> SiteTable:
        sites = tuple(
            Site(
                neuroid_id=f"a-{k}", electrode_id=k, reliability=None, mean_rate_hz=rate, sigma_hz=None, site_index=None
            )
            for k, rate in enumerate(rates)
        )
        return SiteTable(simulated=True, day=0, sites=sites)

    (found,) = differing_documents("sites.json", table(10.0, 20.0, None), table(10.0, 25.0, 3.0))
    assert (found.place, found.n_different, found.n_compared) == ("sites[].mean_rate_hz", 2, 3)
    assert found.largest_absolute == 5.0
    assert found.example == "sites[1].mean_rate_hz: 20 is published, 25 was made"
    assert differing_documents("sites.json", table(1.0), table(1.0)) == []


def test_a_longer_list_tells_what_only_one_has() -> None:
    class Several(EpsilonEvaluation):
        sizes: tuple[int, ...]

    def document(*sizes: int) -> Several:
        return Several(
            epsilon=1,
            n_pairs=1,
            sign_agreement_measured=None,
            sign_agreement_true=None,
            realised_epsilon_mean=1,
            realised_epsilon_max=1,
            mean_attacked_hz=None,
            predicted_change=0,
            sizes=sizes,
        )

    (found,) = differing_documents("d", document(1), document(1, 2))
    assert (found.place, found.n_different, found.n_compared) == ("sizes[]", 1, 2)
