"""The closed-form start: recovery of a known readout, descent of its objective, and installation without a change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from closedloop.models.backbones import build_classifier, cut
from closedloop.models.site_model import BaseModel, build_site_model, features_of, predict
from closedloop.training.closed_form import (
    FactorisedWeights,
    fit_factorised_readout,
    install_readout,
    start_readout,
)

torch.set_num_threads(1)


def teacher(n: int, *, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, responses of 3 sites, and the sites' true weights (n_sites, n_channels, height, width)."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, 6, 4, 5)).astype(np.float32) + 2
    truth = np.einsum("sc,shw->schw", rng.standard_normal((3, 6)), rng.standard_normal((3, 4, 5)))
    responses = np.einsum("nchw,schw->ns", features, truth) + np.array([3.0, 0.0, -1.0])
    return features, (responses + noise * rng.standard_normal(responses.shape)).astype(np.float32), truth


def product(fit: FactorisedWeights) -> np.ndarray:
    return np.einsum("sc,shw->schw", fit.channel, fit.spatial)


def predicted(fit: FactorisedWeights, features: np.ndarray) -> np.ndarray:
    return np.einsum("nchw,schw->ns", features, product(fit)) + fit.offset


def test_a_noiseless_factorised_teacher_is_recovered() -> None:
    features, responses, truth = teacher(400)
    fit = fit_factorised_readout(features, responses, ridge=1e-8, iterations=60)
    assert np.allclose(product(fit), truth, atol=1e-3)
    assert np.allclose(fit.offset, [3, 0, -1], atol=5e-2)


def test_fewer_images_than_channels_give_the_same_minimum_as_an_unfactorised_solver_of_each_step() -> None:
    # With one pixel the problem is plain ridge regression, whose solution has a closed form.
    rng = np.random.default_rng(1)
    features, response = (
        rng.standard_normal((7, 30, 1, 1)).astype(np.float32),
        rng.standard_normal((7, 1)).astype(np.float32),
    )
    fit = fit_factorised_readout(features, response, ridge=0.5, iterations=1)
    x = features[:, :, 0, 0].astype(np.float64)
    x, y = x - x.mean(axis=0), response[:, 0] - response.mean()
    channel = np.linalg.inv(x.T @ x + 0.5 * np.mean(np.sum(x**2, axis=0)) * np.eye(30)) @ x.T @ y
    # The spatial step that follows rescales by a factor alone.
    assert np.corrcoef(fit.channel[0], channel)[0, 1] == pytest.approx(1, abs=1e-6)


def test_more_iterations_never_raise_the_penalised_error() -> None:
    features, responses, _ = teacher(40, noise=5.0)
    ridge = 0.2
    centred = features - features.mean(axis=0)
    penalty = ridge * np.mean(np.sum(centred.astype(np.float64) ** 2, axis=0))
    errors = []
    for iterations in range(1, 8):
        fit = fit_factorised_readout(features, responses, ridge=ridge, iterations=iterations)
        norms = np.sum(fit.channel**2, axis=1) * np.sum(fit.spatial**2, axis=(1, 2))
        errors.append(np.sum((responses - predicted(fit, features)) ** 2, axis=0) + penalty * norms)
    steps = np.diff(np.array(errors), axis=0)
    assert (steps <= 1e-4 * errors[0]).all()
    assert (steps[0] < 0).all()


def test_ridge_generalises_better_than_no_ridge_when_images_are_few_and_noisy() -> None:
    features, responses, truth = teacher(30, noise=8.0, seed=2)
    errors = {
        ridge: np.linalg.norm(product(fit_factorised_readout(features, responses, ridge=ridge)) - truth)
        for ridge in (1e-6, 0.1)
    }
    assert errors[0.1] < errors[1e-6]


def test_unusable_responses_of_one_site_are_left_out_of_that_site_alone() -> None:
    features, responses, _ = teacher(60, noise=1.0)
    gaps = responses.copy()
    gaps[:20, 1] = np.nan
    fit, full = (fit_factorised_readout(features, y) for y in (gaps, responses))
    rest = fit_factorised_readout(features[20:], responses[20:])
    assert np.allclose(product(fit)[1], product(rest)[1], atol=1e-5)
    assert np.allclose(product(fit)[[0, 2]], product(full)[[0, 2]], atol=1e-6)


def test_spatial_weights_have_a_root_mean_square_of_one() -> None:
    features, responses, _ = teacher(60, noise=1.0)
    fit = fit_factorised_readout(features, responses)
    assert np.allclose(np.sqrt((fit.spatial**2).mean(axis=(1, 2))), 1, atol=1e-5)


def test_an_installed_readout_computes_what_was_fitted_with_factors_of_unit_size() -> None:
    model = build_site_model(
        BaseModel("small_resnet", "layer3.0", cut(build_classifier("small_resnet"), "layer3.0")),
        n_sites=3,
        side_px=32,
        seed=0,
    )
    rng = np.random.default_rng(0)
    features = rng.random((9, 64, 4, 4), dtype=np.float32)
    fit = FactorisedWeights(
        channel=0.01 * rng.standard_normal((3, 64)).astype(np.float32),
        spatial=7 * rng.standard_normal((3, 4, 4)).astype(np.float32),
        offset=np.array([1, 2, 3], dtype=np.float32),
    )
    install_readout(model, fit)
    assert np.allclose(model.readout(torch.from_numpy(features)).detach().numpy(), predicted(fit, features), atol=1e-4)
    for factor in (model.readout.channel, model.readout.spatial):
        assert np.allclose((factor.detach().numpy().reshape(3, -1) ** 2).mean(axis=1), 1, atol=1e-5)
    assert bool((model.readout.gain > 0).all())


def test_weights_of_another_feature_map_are_refused() -> None:
    model = build_site_model(
        BaseModel("small_resnet", "layer3.0", cut(build_classifier("small_resnet"), "layer3.0")),
        n_sites=3,
        side_px=32,
        seed=0,
    )
    with pytest.raises(ValueError, match=r"expected \(3, 64\)"):
        install_readout(model, FactorisedWeights(np.ones((3, 8)), np.ones((3, 4, 4)), np.ones(3)))


def test_too_few_usable_images_are_refused() -> None:
    features, responses, _ = teacher(10)
    responses[1:, 2] = np.nan
    with pytest.raises(ValueError, match="at least 2 usable"):
        fit_factorised_readout(features, responses)


def test_a_started_readout_predicts_the_fit_and_outputs_without_responses_keep_their_weights_direction() -> None:
    base = BaseModel("small_resnet", "layer3.0", cut(build_classifier("small_resnet"), "layer3.0").eval())
    model = build_site_model(base, n_sites=3, side_px=32, seed=0)
    rng = np.random.default_rng(4)
    images = rng.integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
    responses = rng.standard_normal((30, 3)).astype(np.float32)
    responses[1:, 1] = np.nan
    before, features = predict(model, images), features_of(model, images).numpy()
    start_readout(model, images, responses, ridge=0.2)
    after = predict(model, images)
    fit = fit_factorised_readout(features, responses[:, [0, 2]], ridge=0.2)
    assert np.allclose(after[:, [0, 2]], predicted(fit, features), atol=1e-4)
    assert np.corrcoef(after[:, 1], before[:, 1])[0, 1] == pytest.approx(1, abs=1e-6)
