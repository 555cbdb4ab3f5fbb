"""Directions of the model-free controls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from closedloop.stimuli.controls import gaussian_direction, interpolation_direction


def test_the_gaussian_direction_is_standard_normal_and_a_function_of_its_seed() -> None:
    direction = gaussian_direction((32, 32, 3), seed=4)
    assert direction.dtype == np.float32
    assert stats.kstest(direction.ravel(), "norm").pvalue > 1e-3
    assert np.array_equal(direction, gaussian_direction((32, 32, 3), seed=4))
    assert not np.array_equal(direction, gaussian_direction((32, 32, 3), seed=5))


def test_going_the_whole_way_along_the_interpolation_gives_the_other_image() -> None:
    image, other = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    reached = image / 255 + interpolation_direction(image, other)
    assert np.allclose(reached * 255, other, atol=1e-4)


def test_an_image_has_no_direction_towards_itself() -> None:
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="two different images"):
        interpolation_direction(image, image.copy())


def test_images_of_two_sizes_have_no_line_between_them() -> None:
    with pytest.raises(ValueError, match="one shape"):
        interpolation_direction(np.zeros((8, 8, 3), np.uint8), np.ones((9, 9, 3), np.uint8))
