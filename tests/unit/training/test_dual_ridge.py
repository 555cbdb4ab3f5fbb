"""The full readout in closed form: scikit-learn's ridge regression, by sites x values and without components."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from closedloop.models.backbones import build_classifier, cut
from closedloop.models.readout import FullReadout
from closedloop.models.site_model import BaseModel, build_site_model, features_of, predict
from closedloop.training.closed_form import start_readout
from closedloop.training.dual_ridge import fit_full_readout

torch.set_num_threads(1)
RIDGE = 0.2


@pytest.mark.parametrize("shape", [(30, 5, 4, 3), (40, 12, 1, 1)])
def test_it_is_ridge_regression_on_the_usable_images_of_each_site(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    features = (rng.standard_normal(shape) + 3).astype(np.float32)
    responses = rng.standard_normal((shape[0], 3)).astype(np.float32)
    responses[4:9, 1] = np.nan
    fitted = fit_full_readout(features, responses, ridge=RIDGE)
    assert fitted.weight.shape == (3, *shape[1:])
    for site in range(3):
        usable = np.isfinite(responses[:, site])
        rows = features[usable].reshape(usable.sum(), -1).astype(np.float64)
        penalty = RIDGE * ((rows - rows.mean(axis=0)) ** 2).sum() / len(rows)
        expected = Ridge(alpha=penalty, solver="svd").fit(rows, responses[usable, site])
        assert np.allclose(fitted.weight[site].ravel(), expected.coef_, atol=1e-6)
        assert np.allclose(fitted.offset[site], expected.intercept_, atol=1e-5)


def test_a_site_without_two_usable_images_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 usable images"):
        fit_full_readout(np.zeros((3, 2, 1, 1), dtype=np.float32), np.full((3, 1), np.nan, dtype=np.float32))


@pytest.mark.parametrize("readout", ["full", "average"])
def test_a_model_begins_with_the_fit_and_sites_without_responses_keep_theirs(readout: str) -> None:
    trunk = cut(build_classifier("small_resnet", seed=3), "layer2.0")
    model = build_site_model(
        BaseModel("small_resnet", "layer2.0", trunk, readout=readout),  # type: ignore[arg-type]
        n_sites=2,
        side_px=32,
        seed=0,
    )
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    responses = np.random.default_rng(1).standard_normal((20, 2)).astype(np.float32)
    responses[:, 1] = np.nan
    before = predict(model, images)
    start_readout(model, images, responses, ridge=RIDGE)
    features = features_of(model, images).numpy()
    assert features.shape[2:] == ((8, 8) if readout == "full" else (1, 1))
    rows = features.reshape(20, -1).astype(np.float64)
    penalty = RIDGE * ((rows - rows.mean(axis=0)) ** 2).sum() / 20
    expected = Ridge(alpha=penalty, solver="svd").fit(rows, responses[:, 0]).predict(rows)
    after = predict(model, images)
    assert np.allclose(after[:, 0], expected, atol=1e-3)
    assert np.corrcoef(after[:, 1], before[:, 1])[0, 1] > 1 - 1e-6
    assert isinstance(model.readout, FullReadout)
    assert torch.allclose(model.readout.weight.square().mean(dim=(1, 2, 3)), torch.ones(2), atol=1e-4)
