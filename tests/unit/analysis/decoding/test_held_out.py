from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.decoding.held_out import (
    deal_folds,
    decoders_of_folds,
    held_out_scores,
    matched_means,
    permuted_accuracy,
)


def test_every_category_is_dealt_evenly_over_the_folds() -> None:
    category = np.random.default_rng(0).permutation(np.repeat(np.arange(7), 10))
    folds = deal_folds(category, n_folds=5, seed=3)
    table = np.zeros((7, 5), dtype=int)
    np.add.at(table, (category, folds), 1)
    assert (table == 2).all()
    assert (folds != deal_folds(category, n_folds=5, seed=4)).any()


def test_an_image_that_a_decoder_knows_by_heart_is_asked_of_another() -> None:
    """With as many sites as images every image has a site of its own: seen, it is decoded; unseen, by chance."""
    n = 400
    category = np.arange(n) % 2
    responses = np.eye(n) * 50 + np.random.default_rng(0).normal(size=(n, n))
    folds = deal_folds(category, n_folds=4, seed=0)
    decoders = decoders_of_folds(responses, category, folds, n_categories=2)
    unseen = held_out_scores(decoders, responses, folds).argmax(axis=1) == category
    seen = decoders[0].decode(responses)[folds != 0] == category[folds != 0]
    assert seen.mean() > 0.95
    assert abs(unseen.mean() - 0.5) < 4 * 0.5 / np.sqrt(n)


def test_a_fold_of_minus_one_teaches_all_decoders_and_is_not_asked() -> None:
    category = np.arange(40) % 2
    responses = np.random.default_rng(0).normal(size=(40, 2)) + category[:, None]
    folds = np.where(np.arange(40) < 30, -1, np.arange(40) % 2)
    first, second = decoders_of_folds(responses, category, folds, n_categories=2)
    moved = responses.copy()
    moved[folds == 1] += 5
    again = decoders_of_folds(moved, category, folds, n_categories=2)
    assert np.array_equal(again[1].weights, second.weights)  # it has not seen fold 1
    assert not np.array_equal(again[0].weights, first.weights)


def test_means_of_two_presentations_have_the_noise_of_two_however_often_an_image_is_shown() -> None:
    rng = np.random.default_rng(0)
    stimulus = rng.permutation(np.r_[np.repeat(np.arange(2000), 4), np.repeat(np.arange(2000, 4000), 2)])
    means, of = matched_means(rng.normal(size=(len(stimulus), 1)), stimulus, n=2)
    assert means[of < 2000].var() == pytest.approx(0.5, rel=0.08)
    assert means[of >= 2000].var() == pytest.approx(0.5, rel=0.1)
    assert np.bincount(of).tolist() == [2] * 2000 + [1] * 2000


def test_a_stimulus_shown_less_often_has_no_mean() -> None:
    means, of = matched_means(np.arange(4.0)[:, None], np.array([0, 1, 1, 1]), n=2)
    assert (means.ravel().tolist(), of.tolist()) == ([1.5], [1])


def test_shuffled_categories_are_decoded_at_chance_and_true_ones_above_it() -> None:
    rng = np.random.default_rng(0)
    category = np.repeat(np.arange(4), 60)
    responses = np.eye(4)[category] * 2 + rng.normal(size=(240, 4))
    folds = deal_folds(category, n_folds=5, seed=0)
    decoders = decoders_of_folds(responses, category, folds, n_categories=4)
    accuracy = (held_out_scores(decoders, responses, folds).argmax(axis=1) == category).mean()
    chance = permuted_accuracy(responses, category, folds, n_categories=4, n_permutations=40, seed=1)
    assert abs(chance.mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 240 / 10)
    assert accuracy > 0.6
    assert accuracy > chance.max()
