from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import null_space, orth
from scipy.stats import beta

from closedloop.analysis.decoding.linear import LinearDecoder, fit_decoder, strongest_rival
from closedloop.analysis.decoding.redundancy import decoder_axes, margin_axes, random_share, square_along


def random_decoder(n_categories: int, n_sites: int, seed: int = 0) -> LinearDecoder:
    rng = np.random.default_rng(seed)
    return LinearDecoder(rng.normal(size=(n_categories, n_sites)), rng.normal(size=n_categories), 0.0)


def test_the_row_space_is_that_of_the_differences_of_weights() -> None:
    decoder = random_decoder(4, 9)
    axes = decoder_axes(decoder)
    differences = decoder.weights[1:] - decoder.weights[0]
    assert axes.shape == (3, 9)
    np.testing.assert_allclose(axes.T @ axes, orth(differences.T) @ orth(differences.T).T, atol=1e-10)
    beside = null_space(differences)
    scores = decoder.scores(np.zeros((1, 9))), decoder.scores(3 * beside[:, 0][None])
    np.testing.assert_allclose(np.diff(scores[1]), np.diff(scores[0]), atol=1e-10)  # moved without a trace
    assert not np.abs(axes @ beside).max() > 1e-10


def test_with_more_categories_than_sites_the_row_space_is_everything() -> None:
    assert decoder_axes(random_decoder(30, 21)).shape == (21, 21)


def test_fewer_axes_hold_a_share_of_the_weights() -> None:
    weights = np.diag([3.0, 2.0, 1.0, 0.0])
    weights = np.concatenate([weights, -weights])  # their mean is 0; squares 18, 8, 2
    decoder = LinearDecoder(weights, np.zeros(8), 0.0)
    for share, n_axes in ((0.6, 1), (18 / 28, 1), (0.9, 2), (0.95, 3), (1.0, 3)):
        assert decoder_axes(decoder, share=share).shape == (n_axes, 4)
    np.testing.assert_allclose(decoder_axes(decoder, share=0.9), np.eye(4)[:2], atol=1e-12)


def test_a_step_along_its_margin_axis_raises_an_images_margin_most() -> None:
    decoder, rng = random_decoder(5, 7), np.random.default_rng(1)
    clean, category = rng.normal(size=(6, 7)), np.arange(6) % 5
    axes = margin_axes(decoder, category, strongest_rival(decoder.scores(clean), category))[:, 0]
    step = 1e-4
    along = decoder.margin(clean + step * axes, category) - decoder.margin(clean, category)
    for _ in range(20):
        other = rng.normal(size=(6, 7))
        other *= step / np.linalg.norm(other, axis=1, keepdims=True)
        assert (decoder.margin(clean + other, category) - decoder.margin(clean, category) <= along + 1e-12).all()


def test_squared_movement_along_axes_is_unbiased_under_noise() -> None:
    rng = np.random.default_rng(0)
    n, movement = 20_000, np.array([1.0, 0.0, 2.0])
    clean = rng.normal(size=(n, 3, 4))
    changed = rng.normal(size=(n, 3, 2)) + movement[:, None]
    axes = np.eye(3)[:2]
    error = 4 * square_along(clean, changed, axes).std() / np.sqrt(n)
    assert square_along(clean, changed, axes).mean() == pytest.approx(1.0, abs=error)
    own = np.broadcast_to(np.eye(3)[2:], (n, 1, 3))
    assert square_along(clean, changed, own).mean() == pytest.approx(4.0, abs=error * 2)


def test_a_random_direction_lies_in_a_space_as_the_beta_distribution_says() -> None:
    mean, (low, high) = random_share(6, 21, n_directions=50)
    law = beta(3, 7.5)
    assert mean == pytest.approx(law.mean())
    assert (high - low) / 2 == pytest.approx(1.959964 * law.std() / np.sqrt(50), rel=1e-6)
    directions = np.random.default_rng(0).normal(size=(4000, 50, 21))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    means = (directions[..., :6] ** 2).sum(axis=2).mean(axis=1)
    assert np.mean((means > low) & (means < high)) == pytest.approx(0.95, abs=0.015)


def test_movements_at_random_have_the_share_that_chance_gives() -> None:
    rng = np.random.default_rng(0)
    category = np.repeat(np.arange(4), 50)
    decoder = fit_decoder(np.eye(4, 12)[category] * 3 + rng.normal(size=(200, 12)), category, n_categories=4)
    axes, movement = decoder_axes(decoder), rng.normal(size=(500, 12))
    clean, changed = np.zeros((500, 12, 2)), np.repeat(movement[..., None], 2, axis=2)
    inside = square_along(clean, changed, axes) / square_along(clean, changed, np.eye(12))
    mean, (low, high) = random_share(len(axes), 12, n_directions=500)
    assert len(axes) == 3
    assert low < inside.mean() < high
    assert mean == 0.25
