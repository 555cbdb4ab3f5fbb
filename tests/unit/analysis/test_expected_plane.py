"""Where a plane's images lie once they are bytes, told before there are any."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.expected.plane import expected_bend, reached_places
from closedloop.attacks.geometry.planes import plane_images

SIDE_PX, PER_EPSILON = 32, 32 / 224


def wanted(extent: float) -> tuple[np.ndarray, np.ndarray]:
    along, across = np.meshgrid(np.linspace(-extent, extent, 9), np.linspace(-extent, extent, 9), indexing="ij")
    return along.ravel(), across.ravel()


@pytest.mark.parametrize(("extent", "reach"), [(10.0, 0.975), (30.0, 0.88), (100.0, 0.65)])
def test_images_reach_as_far_as_rendered_ones_of_directions_with_heavy_tails(extent: float, reach: float) -> None:
    """The reach is the median of both directions of a simulated cortex's planes; the rendering is the loop's own."""
    places = wanted(extent)
    found = reached_places(*places).reach(*places)
    assert np.mean(found) == pytest.approx(extent * reach, rel=0.05)
    random = np.random.default_rng(1)
    clean = random.integers(0, 256, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    first, second = (np.sign(one) * np.abs(one) ** 1.8 for one in random.standard_normal((2, SIDE_PX, SIDE_PX, 3)))
    first /= np.linalg.norm(first)
    second -= first * (first * second).sum()
    made = plane_images(clean, (first, second / np.linalg.norm(second)), np.stack(places, axis=1) * PER_EPSILON)
    ahead = (places[0] == extent) & (places[1] == 0)
    assert float(made.along[ahead][0]) / PER_EPSILON == pytest.approx(found[0], rel=0.06)


def test_a_wider_plane_is_pressed_more_and_its_bend_is_less_sure_than_that_of_the_wanted_places() -> None:
    ratios = []
    for extent in (1.0, 3.0, 30.0, 60.0, 100.0):
        places = wanted(extent)
        reached = reached_places(*places)
        errors = [
            expected_bend(*own, extent=extent, noise=1.0, repetitions=4).edge_error
            for own in (places, (reached.along, reached.across))
        ]
        ratios.append(errors[1] / errors[0])
        assert (reached.beside <= extent).all()
    assert 1.0 <= ratios[1] < 1.05
    assert 1.12 < ratios[2] < 1.84  # of 43 rendered planes of extent 30
    assert ratios[1:] == sorted(ratios[1:])
