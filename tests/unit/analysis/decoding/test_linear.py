from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from closedloop.analysis.decoding.linear import fit_decoder, ledoit_wolf_shrinkage, margin_of, strongest_rival

N_CATEGORIES, N_SITES, N_EACH = 6, 9, 20


def clouds(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return responses of categories with means of their own and one covariance, and the categories."""
    rng = np.random.default_rng(seed)
    category = np.repeat(np.arange(N_CATEGORIES), N_EACH)
    mixing = rng.normal(size=(N_SITES, N_SITES))
    means = rng.normal(size=(N_CATEGORIES, N_SITES)) * 1.5
    return means[category] + rng.normal(size=(len(category), N_SITES)) @ mixing, category


def within(responses: np.ndarray, category: np.ndarray) -> np.ndarray:
    return responses - np.stack([responses[category == one].mean(axis=0) for one in category])


def test_scores_part_as_the_log_densities_of_normal_clouds_with_one_covariance() -> None:
    responses, category = clouds()
    decoder = fit_decoder(responses, category, n_categories=N_CATEGORIES, shrinkage=0.25)
    spread = within(responses, category)
    covariance = 0.75 * spread.T @ spread / len(spread)
    covariance += 0.25 * np.eye(N_SITES) * np.mean([(spread[:, site] ** 2).mean() for site in range(N_SITES)])
    asked = np.random.default_rng(2).normal(size=(40, N_SITES))
    densities = np.stack(
        [
            multivariate_normal(responses[category == one].mean(axis=0), covariance).logpdf(asked)
            for one in range(N_CATEGORIES)
        ],
        axis=1,
    )
    scores = decoder.scores(asked)
    np.testing.assert_allclose(scores - scores[:, :1], densities - densities[:, :1], atol=1e-9)


def test_the_shrinkage_is_ledoit_and_wolfs_written_out_observation_by_observation() -> None:
    spread = within(*clouds())
    n, p = spread.shape
    covariance = sum(np.outer(row, row) for row in spread) / n
    target = np.trace(covariance) / p * np.eye(p)
    distance = np.sum((covariance - target) ** 2) / p
    error = sum(np.sum((np.outer(row, row) - covariance) ** 2) / p for row in spread) / n**2
    assert ledoit_wolf_shrinkage(spread) == pytest.approx(min(error, distance) / distance, abs=1e-12)


def test_scikit_learn_agrees() -> None:
    responses, category = clouds()
    decoder = fit_decoder(responses, category, n_categories=N_CATEGORIES)
    _, shrinkage = ledoit_wolf(within(responses, category), assume_centered=True)
    assert decoder.shrinkage == pytest.approx(shrinkage, abs=1e-12)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(responses, category)
    asked = np.random.default_rng(2).normal(size=(40, N_SITES))
    scores, values = decoder.scores(asked), theirs.decision_function(asked)
    np.testing.assert_allclose(scores - scores[:, :1], values - values[:, :1], atol=1e-8)


def test_a_site_with_a_missing_value_is_not_used_and_may_be_missing_when_asked() -> None:
    responses, category = clouds()
    without = fit_decoder(responses[:, 1:], category, n_categories=N_CATEGORIES)
    responses[3, 0] = np.nan
    decoder = fit_decoder(responses, category, n_categories=N_CATEGORIES)
    assert not decoder.weights[:, 0].any()
    asked = np.random.default_rng(3).normal(size=(5, N_SITES))
    asked[:, 0] = np.nan
    np.testing.assert_allclose(decoder.scores(asked), without.scores(asked[:, 1:]))


def test_a_margin_is_positive_exactly_where_the_category_is_decoded() -> None:
    responses, category = clouds()
    decoder = fit_decoder(responses, category, n_categories=N_CATEGORIES)
    np.testing.assert_array_equal(decoder.margin(responses, category) > 0, decoder.decode(responses) == category)


def test_a_margin_is_the_true_score_minus_that_of_the_strongest_rival() -> None:
    scores = np.array([[5.0, 2.0, 3.0], [1.0, 4.0, -2.0]])
    category = np.array([0, 2])
    assert margin_of(scores, category).tolist() == [2.0, -6.0]
    assert strongest_rival(scores, category).tolist() == [2, 1]


def test_many_categories_on_a_line_are_all_decoded_where_least_squares_hides_the_middle_ones() -> None:
    category = np.repeat(np.arange(5), 50)
    responses = category[:, None] * 10.0 + np.random.default_rng(0).normal(size=(250, 1))
    decoder = fit_decoder(responses, category, n_categories=5)
    assert (decoder.decode(responses) == category).all()
    targets, design = np.eye(5)[category], np.c_[np.ones(250), responses]
    fitted = design @ np.linalg.lstsq(design, targets, rcond=None)[0]
    assert not set(fitted.argmax(axis=1)) & {1, 3}


@pytest.mark.parametrize(
    ("category", "n_categories"), [([0, 0, 1, 1], 3), ([0, 0, 0, 0], 1), ([0, 1, 2, 2], 2)], ids=str
)
def test_categories_without_images_are_refused(category: list[int], n_categories: int) -> None:
    with pytest.raises(ValueError, match="images of each of at least two categories"):
        fit_decoder(np.random.default_rng(0).normal(size=(4, 3)), np.array(category), n_categories=n_categories)


def test_sites_that_never_vary_within_a_category_are_refused() -> None:
    with pytest.raises(ValueError, match="vary within the categories"):
        fit_decoder(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0, 0, 1, 1]), n_categories=2)
