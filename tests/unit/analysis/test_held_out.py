"""Held-out ridge and PLS predictions against scikit-learn's, fold by fold, and against nothing to predict."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import RidgeCV

from closedloop.analysis.predictivity import correlation
from closedloop.analysis.representation.halves import Uncertain, image_halves
from closedloop.analysis.representation.held_out import (
    PENALTIES,
    fold_correlation,
    image_folds,
    mean_ceiling,
    pls_predictions,
    predictivity,
    ridge_predictions,
)

Floats = np.ndarray


def example(n: int, p: int, *, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, p)) * np.linspace(3, 0.2, p) + random.normal(size=p)
    responses = features @ random.normal(size=(p, 4)) / np.sqrt(p) + random.normal(size=(n, 4)) + 5
    return features, responses, image_folds(n, n_folds=4, seed=1)


@pytest.mark.parametrize(("n", "p"), [(80, 6), (60, 150)])
def test_ridge_is_scikit_learns_in_every_fold_with_the_penalty_it_chooses(n: int, p: int) -> None:
    features, responses, folds = example(n, p)
    found = ridge_predictions(features @ features.T, responses, folds)
    for fold in range(4):
        own, seen = folds == fold, folds != fold
        size = ((features[seen] - features[seen].mean(axis=0)) ** 2).sum()
        oracle = RidgeCV(alphas=np.array(PENALTIES) * size, alpha_per_target=True).fit(features[seen], responses[seen])
        assert np.allclose(found.penalty[fold], oracle.alpha_, rtol=1e-9)
        assert np.allclose(found.predicted[own], oracle.predict(features[own]), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("n", "p", "n_components"), [(80, 6, 3), (60, 150, 5), (80, 6, 6)])
def test_pls_is_scikit_learns_in_every_fold(n: int, p: int, n_components: int) -> None:
    features, responses, folds = example(n, p)
    found = pls_predictions(features @ features.T, responses, folds, n_components=n_components)
    for fold in range(4):
        own, seen = folds == fold, folds != fold
        oracle = PLSRegression(n_components, scale=False, tol=1e-20, max_iter=10_000)
        oracle.fit(features[seen], responses[seen])
        assert np.allclose(found[own], oracle.predict(features[own]), rtol=0, atol=1e-6)


def test_more_components_than_the_features_have_end_in_least_squares() -> None:
    features, responses, folds = example(80, 3)
    found = pls_predictions(features @ features.T, responses, folds, n_components=25)
    own, seen = folds == 0, folds != 0
    design = np.column_stack([np.ones(seen.sum()), features[seen]])
    weights = np.linalg.lstsq(design, responses[seen], rcond=None)[0]
    assert np.allclose(found[own], np.column_stack([np.ones(own.sum()), features[own]]) @ weights)


def test_what_is_predicted_of_an_image_does_not_depend_on_its_own_responses() -> None:
    features, responses, folds = example(40, 6)
    kernel, own = features @ features.T, folds == 2
    other = responses.copy()
    other[own] += 100
    for predict in (
        lambda r: ridge_predictions(kernel, r, folds).predicted,
        lambda r: pls_predictions(kernel, r, folds),
    ):
        assert np.array_equal(predict(responses)[own], predict(other)[own])
        assert not np.allclose(predict(responses)[~own], predict(other)[~own])


def halved(kernel: Floats, responses: Floats, folds: Floats, *, seed: int, pls: int | None) -> Uncertain:
    def found(own: Floats) -> float:
        part, of_part = kernel[np.ix_(own, own)], responses[own]
        predicted = (
            ridge_predictions(part, of_part, folds[own]).predicted
            if pls is None
            else pls_predictions(part, of_part, folds[own], n_components=pls)
        )
        return float(fold_correlation(predicted, of_part, folds[own]).mean())

    errors = [
        (found(np.flatnonzero(first)) - found(np.flatnonzero(~first))) / 2
        for first in image_halves(len(kernel), seed=seed, n_halvings=12)
    ]
    return Uncertain(found(np.arange(len(kernel))), np.array(errors))


@pytest.mark.parametrize("pls", [None, 2])
def test_permuted_responses_are_predicted_not_at_all(pls: int | None) -> None:
    found = []
    for seed in range(40):
        features, responses, folds = example(60, 8, seed=seed)
        permuted = responses[np.random.default_rng(seed).permutation(60)]
        found.append(halved(features @ features.T, permuted, folds, seed=seed, pls=pls))
    values = np.array([one.value for one in found])
    assert abs(values.mean()) < 3.5 * values.std() / np.sqrt(40)
    covers = sum(one.interval[0] <= 0 <= one.interval[1] for one in found)
    assert covers >= 35  # 95 %: fewer with a probability below .03


@pytest.mark.slow
@pytest.mark.parametrize("pls", [None, 3])
def test_intervals_cover_the_mean_of_many_experiments_with_other_training_images(pls: int | None) -> None:
    mix = np.random.default_rng(12).normal(size=(10, 5)) / np.sqrt(10)
    found = []
    for seed in range(80):
        random = np.random.default_rng([11, seed])
        features = random.normal(size=(80, 10))
        responses = features @ mix + 0.8 * random.normal(size=(80, 5))
        folds = image_folds(80, n_folds=4, seed=seed)
        found.append(halved(features @ features.T, responses, folds, seed=seed, pls=pls))
    truth = np.mean([one.value for one in found])
    covers = sum(one.interval[0] <= truth <= one.interval[1] for one in found)
    assert covers >= 0.89 * 80  # of 95 %, fewer with a probability below .01
    wide = np.mean([one.standard_error for one in found]) / np.std([one.value for one in found])
    assert 0.9 < wide < 1.6  # and not by being endless


def test_in_one_fold_it_is_the_plain_correlation() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 3)) + 9, random.normal(size=(40, 3))
    assert np.allclose(fold_correlation(x, y, np.zeros(40, dtype=int)), correlation(x, y))


def test_predictions_of_the_training_mean_correlate_with_nothing_within_folds() -> None:
    folds = np.repeat(np.arange(20), 4)
    y = np.random.default_rng(2).normal(size=(80, 1)) + np.random.default_rng(3).normal(size=(20, 1))[folds]
    mean = np.array([[y[folds != fold].mean()] for fold in folds])
    assert correlation(mean, y)[0] < -0.5  # over all folds together they look like the opposite
    assert fold_correlation(mean + 1e-9, y, folds)[0] == pytest.approx(0, abs=1e-6)


def test_predictivity_of_the_truth_itself_is_one_whatever_the_noise() -> None:
    random = np.random.default_rng(3)
    true = random.normal(size=(5000, 3))
    halves = tuple(true + random.normal(size=true.shape) * np.array([0.2, 1.0, 2.0]) for _ in range(2))
    assert mean_ceiling(halves) < 0.9
    assert predictivity(true, halves, np.arange(5000) % 5) == pytest.approx(1, abs=0.03)


def test_folds_are_of_equal_size() -> None:
    assert np.bincount(image_folds(11, n_folds=5, seed=0)).tolist() == [3, 2, 2, 2, 2]
