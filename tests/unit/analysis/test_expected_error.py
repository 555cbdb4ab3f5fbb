"""What the parts of a variance lead one to expect is what repeating the experiment shows."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.dispersion import sigma
from closedloop.analysis.estimate import mean_over_pairs
from closedloop.analysis.expected.error import (
    PlannedPairs,
    expected_standard_error,
    sigma_error,
    variance_of_sigmas,
)
from closedloop.analysis.expected.variance_parts import (
    PairVariance,
    RepeatedPairs,
    difference_spread,
    pair_variance,
    weighted_mean,
)

N_IMAGES, SITES_AN_IMAGE, N_SITES = 60, 3, 9
PLANTED = PairVariance(spread=0.3, clean=0.9, changed=0.6, shared=0.1, shared_clean=0.2)
IMAGE = np.repeat(np.arange(N_IMAGES), SITES_AN_IMAGE)
SITE = np.arange(len(IMAGE)) % N_SITES


def drawn(random: np.random.Generator, *, n_clean: int = 4, n_changed: int = 2, lost: float = 0.0) -> RepeatedPairs:
    """Draw pairs whose changes and clean presentations share what is planted."""
    n = len(IMAGE)
    sign = random.choice([-1, 1], size=n)
    change = 0.2 + normal(random, PLANTED.spread - PLANTED.shared, n) + normal(random, PLANTED.shared, N_IMAGES)[IMAGE]
    noise = normal(random, PLANTED.clean - PLANTED.shared_clean, (n, n_clean))
    of_image = normal(random, PLANTED.shared_clean, (N_IMAGES, n_clean))[IMAGE]
    clean = sign[:, None] * (noise + of_image)  # the signed noise is what is shared
    changed = (sign * change)[:, None] + normal(random, PLANTED.changed, (n, n_changed))
    for responses in (clean, changed):
        responses[random.random(responses.shape) < lost] = np.nan
    return RepeatedPairs(IMAGE, SITE, sign, clean, changed)


def normal(random: np.random.Generator, variance: float, shape: int | tuple[int, ...]) -> np.ndarray:
    return random.normal(0, np.sqrt(variance), shape)


def test_every_part_of_the_variance_is_found_again() -> None:
    random = np.random.default_rng(1)
    found = weighted_mean([pair_variance(drawn(random)) for _ in range(300)], [1.0] * 300)
    assert found.spread == pytest.approx(PLANTED.spread, abs=0.02)
    assert found.clean == pytest.approx(PLANTED.clean, rel=0.02)
    assert found.changed == pytest.approx(PLANTED.changed, rel=0.02)
    assert found.shared == pytest.approx(PLANTED.shared, abs=0.02)
    assert found.shared_clean == pytest.approx(PLANTED.shared_clean, abs=0.02)


@pytest.mark.parametrize(("n_clean", "n_changed", "lost"), [(4, 2, 0.0), (2, 2, 0.0), (10, 6, 0.0), (3, 2, 0.2)])
def test_the_expected_standard_error_is_the_mean_of_those_that_are_measured(
    n_clean: int, n_changed: int, lost: float
) -> None:
    random = np.random.default_rng(2)
    measured = []
    for _ in range(400):
        pairs = drawn(random, n_clean=n_clean, n_changed=n_changed, lost=lost)
        estimate = mean_over_pairs(pairs.signed_change, image_index=pairs.image_index, site_index=pairs.site_index)
        measured.append((estimate.standard_error, estimate.mean))
    n = len(IMAGE)
    planned = PlannedPairs(IMAGE, SITE, np.full(n, n_clean), np.full(n, n_changed), used=1 - lost)
    expected = expected_standard_error(planned, PLANTED)
    errors, means = np.transpose(measured)
    assert expected == pytest.approx(errors.mean(), rel=0.03)
    assert expected == pytest.approx(means.std(), rel=0.12)  # 400 means know their SD within 3.5 %


def test_images_that_are_shown_at_one_site_alone_have_the_textbooks_standard_error() -> None:
    planned = PlannedPairs(np.arange(50), np.arange(50) % 5, np.full(50, 2), np.full(50, 2))
    parts = PairVariance(spread=1.0, clean=2.0, changed=4.0, shared=9.0, shared_clean=9.0)
    exact = np.sqrt((1.0 + 1.0 + 2.0) / 50)
    assert expected_standard_error(planned, parts) == pytest.approx(exact * (1 - 1 / (4 * 49)), rel=1e-12)


def test_a_covariance_below_zero_takes_no_more_away_than_can_be() -> None:
    planned = PlannedPairs(IMAGE, SITE, np.full(len(IMAGE), 2), np.full(len(IMAGE), 2))
    parts = PairVariance(spread=0.1, clean=0.5, changed=0.5, shared=-5.0, shared_clean=0.0)
    assert expected_standard_error(planned, parts) > 0


def test_one_image_has_no_standard_error() -> None:
    planned = PlannedPairs(np.zeros(3, int), np.arange(3), np.full(3, 2), np.full(3, 2))
    assert np.isnan(expected_standard_error(planned, PLANTED))


def test_single_showings_tell_no_noise_and_are_said_so() -> None:
    pairs = drawn(np.random.default_rng(3), n_clean=1, n_changed=1)
    parts = pair_variance(pairs)
    assert np.isnan(parts.clean)
    assert np.isnan(parts.spread)


def test_a_pair_that_is_missing_is_left_out() -> None:
    pairs = drawn(np.random.default_rng(4))
    pairs.clean[0] = np.nan
    rest = pairs.select(np.arange(len(IMAGE)) > 0)
    assert pair_variance(pairs) == pair_variance(rest)


def test_the_spread_of_a_difference_is_without_the_noise_of_either_day() -> None:
    random = np.random.default_rng(5)
    found = [difference_spread(drawn(random), drawn(random)) for _ in range(300)]
    assert np.mean(found) == pytest.approx(2 * PLANTED.spread, abs=0.03)


@pytest.mark.parametrize("skewed", [False, True])
def test_the_error_of_sigma_is_what_other_images_would_give(skewed: bool) -> None:
    random = np.random.default_rng(6)
    rates = random.gamma(2.0, 1.0, (4000, 200)).T if skewed else random.normal(0, 1, (200, 4000))
    found = sigma(rates)
    assert np.sqrt((sigma_error(rates) ** 2).mean()) == pytest.approx(found.std() / found.mean(), rel=0.08)


def test_sites_that_never_vary_have_no_error_of_sigma_that_is_known() -> None:
    assert np.isnan(sigma_error(np.ones((10, 1)))).all()
    assert np.isnan(sigma_error(np.ones((2, 1)))).all()


def test_the_error_of_sigma_weighs_a_site_by_its_pairs() -> None:
    planned = PlannedPairs(np.arange(4), np.array([0, 0, 0, 1]), np.full(4, 2), np.full(4, 2))
    found = variance_of_sigmas(planned, np.array([1.0, 2.0]), np.array([0.1, 0.2]))
    assert found == pytest.approx((0.75 * 1.0 * 0.1) ** 2 + (0.25 * 2.0 * 0.2) ** 2)
