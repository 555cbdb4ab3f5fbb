"""What repetitions say of a change without counting noise: against all splits by hand, and over repeated studies."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from closedloop.analysis.intervals import half_width_95, student_95
from closedloop.analysis.repetitions import cross_fitted_size, noiseless_square, repetitions_of
from closedloop.analysis.sensitivity import cross_fitted_estimate, noise_corrected_rms

N_STUDIES = 200


def splits(values: list[float]) -> list[tuple[float, float]]:
    """Return the means of both halves for all ways to halve the values; of an odd number either half is larger."""
    n, whole = len(values), range(len(values))
    sizes = {n // 2, n - n // 2}
    return [
        (np.mean([values[i] for i in half]), np.mean([values[i] for i in whole if i not in half]))
        for size in sizes
        for half in combinations(whole, size)
    ]


@pytest.mark.parametrize(("n_clean", "n_changed"), [(2, 2), (4, 2), (3, 2), (3, 5), (4, 4)])
def test_both_are_the_mean_over_all_ways_to_halve_the_repetitions(n_clean: int, n_changed: int) -> None:
    rng = np.random.default_rng(n_clean + 10 * n_changed)
    clean, changed = rng.poisson(5, n_clean).astype(float), rng.poisson(6, n_changed).astype(float)
    pairs = product(splits(clean.tolist()), splits(changed.tolist()))
    halves = np.array([(y_a - x_a, y_b - x_b) for (x_a, x_b), (y_a, y_b) in pairs])
    square, size = (function(clean[None], changed[None])[0] for function in (noiseless_square, cross_fitted_size))
    assert square == pytest.approx(np.mean(halves[:, 0] * halves[:, 1]))
    assert size == pytest.approx(np.mean(np.sign(halves[:, 0]) * halves[:, 1]))


def test_the_order_of_the_repetitions_decides_nothing() -> None:
    rng = np.random.default_rng(0)
    clean, changed = rng.poisson(5, (20, 4)).astype(float), rng.poisson(6, (20, 6)).astype(float)
    turned = clean[:, ::-1], rng.permuted(changed, axis=1)
    for function in (noiseless_square, cross_fitted_size):
        np.testing.assert_allclose(function(*turned), function(clean, changed))


def test_counts_that_make_up_the_same_sum_have_no_sign() -> None:
    """A change that is rounding alone (.1 + .2 + .4 against .7) takes no sign from it: 0, and not -.1 or .1."""
    clean, changed = np.full((1, 2), 0.7), np.array([[0.1 + 0.2 + 0.4, 0.9]])
    assert changed[0, 0] != clean[0, 0]
    assert cross_fitted_size(clean, changed)[0] == pytest.approx(0, abs=1e-12)


def test_an_image_shown_once_tells_nothing_of_noise() -> None:
    clean, changed = np.array([[1.0, np.nan], [1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, np.nan]])
    assert np.isnan(noiseless_square(clean, changed)).all()
    assert np.isnan(cross_fitted_size(clean, changed)).all()


def test_more_repetitions_than_can_be_halved_in_all_ways_are_halved_in_drawn_ones_the_same_every_time() -> None:
    rng = np.random.default_rng(3)
    clean, changed = rng.normal(0, 1, (4000, 10)), rng.normal(0.5, 1, (4000, 9))
    first, again, other = (cross_fitted_size(clean, changed, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    # A half of 5 and one of 4 or 5 repetitions; the change .5 has noise of SD sqrt(1/5 + 1/4.5), nearly.
    p = stats.norm.cdf(0.5 / np.sqrt(1 / 5 + 1 / 4.5))
    assert first.mean() == pytest.approx(0.5 * (2 * p - 1), abs=0.02)


def test_repetitions_stand_by_image_in_the_order_shown() -> None:
    rates = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, np.nan]])
    found = repetitions_of(rates, np.array([1, 0, 1]), n_images=3)
    np.testing.assert_array_equal(found[0], [[2, np.nan], [20, np.nan]])
    np.testing.assert_array_equal(found[1], [[1, 3], [10, np.nan]])
    assert np.isnan(found[2]).all()
    assert repetitions_of(rates[:0], np.zeros(0, int), n_images=1).shape == (1, 2, 0)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 84, 1000])
def test_the_interval_is_students(n: int) -> None:
    assert student_95(n - 1) == pytest.approx(stats.t.ppf(0.975, df=n - 1), rel=1e-5)
    assert half_width_95(0.5, n=n) == pytest.approx(0.5 * stats.t.ppf(0.975, df=n - 1), rel=1e-5)


def test_of_one_image_there_is_no_interval() -> None:
    assert np.isnan(half_width_95(1.0, n=1))
    assert np.isnan(half_width_95(1.0, n=0))


def control_study(rng: np.random.Generator, *, effect: float) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return a day's controls: 16 images at 21 sites, counts of 100 ms; sites of one presentation share a gain.

    The change of a pair is normal with SD `effect`, in units of a sigma of 2 spikes.
    """
    image, site = np.repeat(np.arange(16), 21), np.tile(np.arange(21), 16)
    rate = rng.gamma(4, 1.5, size=(16, 21)).ravel() + 3
    change = 2 * effect * rng.normal(size=rate.size)
    shown = []
    for mean, n in ((rate, 4), (np.maximum(rate + change, 0), 2)):
        gain = 1 + 0.1 * rng.normal(size=(16, n))[image]
        shown.append(rng.poisson(mean[:, None] * np.maximum(gain, 0)) / 2)
    return shown[0], shown[1], {"image_index": image, "site_index": site}


@pytest.mark.parametrize("effect", [0.0, 0.1, 0.4])
def test_over_many_studies_the_square_has_no_bias_and_its_interval_holds_the_truth(effect: float) -> None:
    """200 studies. SE of a coverage of .95: .015; the truth is the mean square of the population of images."""
    rng = np.random.default_rng(11)
    squares, covered = [], []
    for _ in range(N_STUDIES):
        clean, changed, which = control_study(rng, effect=effect)
        found = noise_corrected_rms(clean, changed, **which)
        squares.append(np.sign(found.mean) * found.mean**2)
        low, high = found.interval
        covered.append(np.sign(low) * low**2 <= effect**2 <= np.sign(high) * high**2)
        assert found.is_measurable is (low > 0)
    assert np.mean(squares) == pytest.approx(effect**2, abs=4 * np.std(squares) / np.sqrt(N_STUDIES))
    assert 0.91 <= np.mean(covered) <= 0.99


def test_without_an_effect_a_control_is_measurable_in_a_fortieth_of_the_studies() -> None:
    rng = np.random.default_rng(12)
    studies = [control_study(rng, effect=0.0) for _ in range(N_STUDIES)]
    found = [noise_corrected_rms(clean, changed, **which) for clean, changed, which in studies]
    assert np.mean([one.is_measurable for one in found]) <= 0.06
    assert np.mean([one.interval[1] < 0 for one in found]) <= 0.06


def test_all_splits_scatter_less_than_one_and_the_interval_knows_it() -> None:
    """The mean of a drawn split has the noise of the split besides: on these controls an eighth more."""
    rng = np.random.default_rng(13)
    whole, one_split = [], []
    for _ in range(N_STUDIES):
        clean, changed, _ = control_study(rng, effect=0.2)
        halves = [changed[:, half] - clean[:, half::2].mean(axis=1) for half in (0, 1)]
        one_split.append(np.mean(halves[0] * halves[1]))
        whole.append(noiseless_square(clean, changed).mean())
    assert np.std(whole) < 0.95 * np.std(one_split)


@pytest.mark.parametrize("effect", [0.0, 0.3])
def test_the_cross_fitted_interval_holds_its_expectation(effect: float) -> None:
    rng = np.random.default_rng(14)
    estimates = []
    for _ in range(N_STUDIES):
        clean, changed, which = control_study(rng, effect=effect)
        estimates.append(cross_fitted_estimate(clean, changed, **which))
    expectation = np.mean([one.mean for one in estimates])
    covered = [one.interval[0] <= expectation <= one.interval[1] for one in estimates]
    assert 0.91 <= np.mean(covered) <= 0.99
    if not effect:
        assert abs(expectation) < 4 * np.std([one.mean for one in estimates]) / np.sqrt(N_STUDIES)


def test_the_repetitions_must_be_those_of_both_images() -> None:
    index = np.arange(3)
    with pytest.raises(ValueError, match="repetitions of both images"):
        noise_corrected_rms(np.zeros(3), np.zeros(3), image_index=index, site_index=index)
