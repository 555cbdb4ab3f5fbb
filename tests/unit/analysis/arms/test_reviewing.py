"""Models as reviewers: a case made by hand, resamples of images that all of them share, and the ceiling of noise."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.arms.reviewing import ceiling_of, review_arm
from closedloop.analysis.predictivity import correlation

MEASURED = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
HALVES = (MEASURED, MEASURED)


def test_a_matrix_made_by_hand_is_right() -> None:
    foretold = {"right": np.array([0.5, 1.0, 1.5, 2.0, 9.0]), "turned": np.array([4.0, 3.0, 2.0, 1.0, 9.0])}
    foretold["half"] = np.array([1.0, 1.0, 2.0, 2.0, 9.0])
    found = review_arm(MEASURED, foretold, halves=HALVES, image_index=np.arange(5), seed=0)
    assert [review.reviewer for review in found.reviews] == ["right", "turned", "half"]
    assert [review.n for review in found.reviews] == [4, 4, 4]
    assert [review.r.value for review in found.reviews] == pytest.approx([1.0, -1.0, 2 / np.sqrt(5)])
    assert [review.slope.value for review in found.reviews] == pytest.approx([2.0, -1.0, 2.0])
    # the residuals are (.5, 1, 1.5, 2), (-3, -1, 1, 3) and (0, 1, 1, 2), the measured ones' squares about their mean 5
    assert [review.r2.value for review in found.reviews] == pytest.approx([1 - 7.5 / 5, 1 - 20 / 5, 1 - 6 / 5])
    assert [one.difference.value for one in found.differences] == pytest.approx(
        [2.0, 1 - 2 / np.sqrt(5), -1 - 2 / np.sqrt(5)]
    )
    assert found.ceiling == pytest.approx(1.0)


def test_the_correlation_is_pearsons() -> None:
    random = np.random.default_rng(0)
    measured, said = random.normal(size=(2, 60))
    found = review_arm(measured, {"a": said}, halves=(measured, measured), image_index=np.arange(60) // 3, seed=0)
    assert found.reviews[0].r.value == pytest.approx(correlation(said[:, None], measured[:, None])[0])
    assert found.reviews[0].slope.value == pytest.approx(np.polyfit(said, measured, 1)[0])


def test_two_that_say_the_same_differ_by_nothing_in_every_resample() -> None:
    random = np.random.default_rng(1)
    measured, said = random.normal(size=(2, 60))
    found = review_arm(measured, {"a": said, "b": 2 * said}, halves=HALVES, image_index=np.arange(60), seed=0)
    difference = found.differences[0].difference
    assert (difference.value, difference.low, difference.high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


def test_images_are_resampled_and_not_attacks() -> None:
    """Attacks of one image that share their change are one piece of evidence."""
    random = np.random.default_rng(2)
    said, measured = (np.repeat(values, 10) for values in random.normal(size=(2, 12)))
    own = {"halves": (measured, measured), "seed": 0}
    of_images = review_arm(measured, {"a": said}, image_index=np.repeat(np.arange(12), 10), **own).reviews[0].r
    of_attacks = review_arm(measured, {"a": said}, image_index=np.arange(120), **own).reviews[0].r
    assert of_images.high - of_images.low > 2 * (of_attacks.high - of_attacks.low)


def test_the_ceiling_is_what_the_noiseless_changes_reach() -> None:
    random = np.random.default_rng(3)
    true = random.normal(size=4000)
    first, second = (true + random.normal(size=4000) for _ in range(2))
    reached = correlation(true[:, None], ((first + second) / 2)[:, None])[0]
    assert ceiling_of(first, second) == pytest.approx(reached, abs=0.02)
    assert np.isnan(ceiling_of(first[:2], second[:2]))


def test_of_few_images_there_is_no_interval_and_of_six_it_covers() -> None:
    random = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        images = np.repeat(np.arange(6), 3)
        measured, foretold = random.normal(size=(2, 18)) + random.normal(size=(2, 6))[:, images]
        [review] = review_arm(
            measured, {"a": foretold}, halves=(measured, measured), image_index=images, seed=seed
        ).reviews
        held += review.r.low <= 0 <= review.r.high
    assert held >= 180  # of 200; bare quantiles hold 172
    few = images < 4
    found = review_arm(
        measured[few], {"a": foretold[few]}, halves=(measured[few], measured[few]), image_index=images[few], seed=0
    )
    assert found.n_images == 4
    assert np.isnan([found.reviews[0].r.low, found.reviews[0].slope.high]).all()
