"""Which units and images are measured: drawn by the seed, silent units left out, images of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from closedloop.errors import ImageError
from closedloop.studies.unit_sensitivity.choice import draw_images, draw_units, pairs


class Means(nn.Module):
    """Ten units: multiples of the mean of the image, but of unit 3, which says the same to all."""

    def __init__(self) -> None:
        super().__init__()
        gain = torch.arange(1.0, 11.0)
        gain[3] = 0.0
        self.gain = nn.Parameter(gain, requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(1, 2, 3))[:, None] * self.gain


def test_a_unit_that_never_varies_is_counted_and_not_measured() -> None:
    images = draw_images(None, side_px=16, n=20, seed=0)
    units = draw_units(Means(), images, n=100, seed=0)
    assert (units.n_units, units.n_silent) == (10, 1)
    assert sorted(units.chosen) == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_sigma_is_the_standard_deviation_over_all_clean_images() -> None:
    images = draw_images(None, side_px=16, n=20, seed=0)
    means = images.pixels.reshape(20, -1).mean(axis=1) / 255
    expected = np.array([1, 2, 3, 0, 5, 6, 7, 8, 9, 10]) * means.std(ddof=1)
    np.testing.assert_allclose(draw_units(Means(), images, n=1, seed=0).sigma, expected, rtol=1e-5)


def test_the_seed_draws_images_and_units() -> None:
    first, again, other = (draw_images(None, side_px=16, n=5, seed=seed) for seed in (1, 1, 2))
    assert first.ids == again.ids
    assert (first.pixels == again.pixels).all()
    assert first.ids != other.ids
    chosen = [draw_units(Means(), first, n=4, seed=seed).chosen for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]


def test_fewer_images_asked_for_are_the_first_of_more() -> None:
    few, many = (draw_images(None, side_px=16, n=n, seed=0) for n in (3, 6))
    assert many.ids[:3] == few.ids


def test_every_unit_has_images_of_its_own_while_there_are_enough() -> None:
    given = pairs([8, 3, 5], n_images=6, images_per_unit=2)
    assert given == [(8, 0), (8, 1), (3, 2), (3, 3), (5, 4), (5, 5)]
    assert pairs([8, 3], n_images=3, images_per_unit=2) == [(8, 0), (8, 1), (3, 2), (3, 0)]
    assert pairs([8], n_images=2, images_per_unit=9) == [(8, 0), (8, 1)]


def test_one_image_has_no_standard_deviation(tmp_path) -> None:
    from PIL import Image

    Image.new("RGB", (20, 20)).save(tmp_path / "only.png")
    with pytest.raises(ImageError, match="at least two images"):
        draw_images(tmp_path, side_px=16, n=5, seed=0)
