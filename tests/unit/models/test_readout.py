"""The channel x space readout and its calibration."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from closedloop.errors import CheckpointError
from closedloop.models.readout import FactorisedReadout, FullReadout, calibrate

torch.set_num_threads(1)


def features(n: int = 50, *, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 8, 4, 3, generator=torch.Generator().manual_seed(seed))


def test_the_readout_is_the_sum_over_channels_and_space_of_the_product_of_both_weights() -> None:
    readout = FactorisedReadout(n_sites=5, feature_shape=(8, 4, 3), seed=1)
    x = features(6)
    with torch.no_grad():
        readout.gain.copy_(torch.arange(1, 6))
        readout.offset.copy_(torch.arange(5))
        found = readout(x).numpy()
    channel, spatial = readout.channel.detach().numpy(), readout.spatial.detach().numpy()
    for site in range(5):
        weights = channel[site][:, None, None] * spatial[site][None]
        expected = [(site + 1) * float((weights * image).sum()) + site for image in x.numpy()]
        assert np.allclose(found[:, site], expected, rtol=1e-4, atol=1e-3)


def test_both_factors_start_as_standard_normal_from_the_seed() -> None:
    readout = FactorisedReadout(n_sites=21, feature_shape=(512, 7, 7), seed=3)
    for factor in (readout.channel, readout.spatial):
        assert stats.kstest(factor.detach().numpy().ravel(), "norm").pvalue > 1e-3
    again = FactorisedReadout(n_sites=21, feature_shape=(512, 7, 7), seed=3)
    other = FactorisedReadout(n_sites=21, feature_shape=(512, 7, 7), seed=4)
    assert torch.equal(readout.channel, again.channel)
    assert not torch.equal(readout.spatial, other.spatial)


def test_calibrated_outputs_have_mean_0_and_spread_1_at_every_site() -> None:
    readout = FactorisedReadout(n_sites=5, feature_shape=(8, 4, 3), seed=1)
    x = features()
    calibrate(readout, x)
    outputs = readout(x).detach().numpy()
    assert np.allclose(outputs.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(outputs.std(axis=0), 1, atol=1e-5)


def test_calibration_leaves_the_ranking_of_images_and_the_direction_of_an_attack() -> None:
    readout = FactorisedReadout(n_sites=5, feature_shape=(8, 4, 3), seed=1)
    x = features().requires_grad_(True)
    before = readout(x)
    (gradient_before,) = torch.autograd.grad(before[:, 2].sum(), x)
    calibrate(readout, x.detach())
    after = readout(x)
    (gradient_after,) = torch.autograd.grad(after[:, 2].sum(), x)
    assert torch.equal(before.argsort(dim=0), after.argsort(dim=0))
    cosine = torch.nn.functional.cosine_similarity(gradient_before.flatten(), gradient_after.flatten(), dim=0)
    assert float(cosine) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("bad", [torch.full((10, 8, 4, 3), 0.1), torch.full((10, 8, 4, 3), float("nan"))])
def test_features_that_cannot_be_calibrated_are_refused(bad: torch.Tensor) -> None:
    readout = FactorisedReadout(n_sites=2, feature_shape=(8, 4, 3), seed=1)
    with pytest.raises(CheckpointError, match="constant, not finite"):
        calibrate(readout, bad)


def test_one_outlier_among_very_many_images_is_refused_before_it_reaches_the_losses_thousand() -> None:
    # One image of n apart from the rest lies sqrt(n - 1) standard deviations out: 141 for 20,000.
    x = torch.full((20_000, 1, 1, 1), 1.0)
    x[0] = 2.0
    with pytest.raises(CheckpointError, match="outliers"):
        calibrate(FactorisedReadout(n_sites=1, feature_shape=(1, 1, 1), seed=0), x)


def test_a_full_readout_has_a_weight_for_every_channel_and_place() -> None:
    readout = FullReadout(n_sites=3, feature_shape=(8, 4, 3), seed=1)
    x = features(6)
    calibrate(readout, x)
    weights = readout.weight.detach().double().numpy()
    sums = np.einsum("nchw,schw->ns", x.double().numpy(), weights)
    expected = (sums - sums.mean(axis=0)) / sums.std(axis=0)
    assert np.allclose(readout(x).detach().numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_a_full_readout_does_not_round_by_the_number_of_images(n: int) -> None:
    readout = FullReadout(n_sites=4, feature_shape=(512, 7, 7), seed=1)
    x = torch.rand(16, 512, 7, 7, generator=torch.Generator().manual_seed(0))

    def answer(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = images.clone().requires_grad_()
        found = readout(leaf)
        (gradient,) = torch.autograd.grad(found.square().sum(), leaf)
        return found.detach(), gradient

    together, alone = answer(x), answer(x[:n])
    assert torch.equal(alone[0], together[0][:n])
    assert torch.equal(alone[1], together[1][:n])
