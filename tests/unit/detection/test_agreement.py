"""How well two sets of spikes agree."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from closedloop.detection.agreement import Agreement, agreement


def test_precision_and_recall_of_a_worked_example() -> None:
    result = agreement(np.array([100, 200, 300, 400]), np.array([97, 103, 200, 306]), tolerance_ticks=5)
    assert (result.n_reference, result.n_test, result.n_matched) == (4, 4, 2)
    assert (result.precision, result.recall) == (0.5, 0.5)
    assert result + Agreement(1, 0, 0) == Agreement(5, 4, 2)
    assert np.isnan(Agreement(0, 0, 0).precision)


sorted_ticks = st.lists(st.integers(0, 60), max_size=8).map(sorted)


@given(reference=sorted_ticks, test=sorted_ticks, tolerance=st.integers(0, 4))
def test_the_greedy_match_is_the_largest_one(reference: list[int], test: list[int], tolerance: int) -> None:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    near = np.abs(np.subtract.outer(np.array(reference, int), np.array(test, int))) <= tolerance
    largest = (
        np.count_nonzero(maximum_bipartite_matching(csr_matrix(near), perm_type="column") >= 0) if near.size else 0
    )
    found = agreement(np.array(reference, np.int64), np.array(test, np.int64), tolerance_ticks=tolerance)
    assert found.n_matched == largest
