"""Rank correlations: Spearman's as scipy has it, intervals that draw whole groups."""

from __future__ import annotations

import numpy as np
from scipy import stats

from closedloop.analysis.geometry.ranks import rank_correlation, ranks_of


def test_it_is_spearmans_rho_with_ties_and_without_what_is_not_known() -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 6, 60).astype(np.float64)
    y = x + random.standard_normal(60)
    x[3], y[9] = np.nan, np.nan
    known = np.isfinite(x) & np.isfinite(y)
    found = rank_correlation(x, y, np.arange(60), seed=0)
    np.testing.assert_allclose(found.rho, stats.spearmanr(x[known], y[known]).statistic)
    np.testing.assert_allclose(ranks_of(x[known]), stats.rankdata(x[known]))
    assert found.n == 58
    assert found.low < found.rho < found.high


def test_rows_of_one_group_are_drawn_together() -> None:
    random = np.random.default_rng(1)
    x, y = random.standard_normal((2, 12))
    many = np.repeat(np.arange(12), 10)
    apart = rank_correlation(x, y, np.arange(12), seed=0)
    copies = rank_correlation(x[many], y[many], many, seed=0)
    np.testing.assert_allclose([copies.low, copies.high], [apart.low, apart.high], atol=0.02)


def test_of_what_never_varies_nothing_is_said() -> None:
    assert np.isnan(rank_correlation(np.ones(9), np.arange(9.0), np.arange(9), seed=0).rho)
    assert np.isnan(rank_correlation(np.arange(2.0), np.arange(2.0), np.arange(2), seed=0).rho)
