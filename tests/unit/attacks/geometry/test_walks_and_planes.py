"""Walks on which a response stays, and planes of images: where they lie by their bytes."""

from __future__ import annotations

import numpy as np
import torch

from closedloop.attacks.balls import radius_at
from closedloop.attacks.geometry.planes import plane_images, plane_responses
from closedloop.attacks.geometry.principal import principal_directions
from closedloop.attacks.geometry.responses import ResponseOf
from closedloop.attacks.geometry.walks import walk_along
from closedloop.simulation.cortex.hidden import HiddenCortex
from tests.unit.attacks.geometry.closed_forms import SHAPE, Saddle, response_of_all


def test_a_walk_keeps_the_response_that_a_straight_line_changes() -> None:
    cortex = HiddenCortex(2022, 6)
    model = cortex.response_model(0)
    images = torch.from_numpy(cortex.reference_images[:6].transpose(0, 3, 1, 2).copy()).float() / 255
    spread = torch.from_numpy(cortex.rates_hz(cortex.reference_images, day=0).std(axis=0)).float()
    response = ResponseOf(model, torch.arange(6))
    found = principal_directions(response, images, n=1, h=radius_at(1.0, 32), seeds=range(6))
    walk = walk_along(response, images, found.directions[:, 0], length=radius_at(10.0, 32))
    kept = (walk.responses - walk.responses[:, :1]).abs().amax(dim=1) / spread
    straight = (walk.straight[:, -1] - walk.straight[:, 0]).abs() / spread
    assert float(kept.max()) < 1e-4
    assert float(straight.median()) > 0.2
    assert (walk.apart > 0.5 * radius_at(10.0, 32)).all()


def test_the_plane_of_a_saddle_is_its_polynomial() -> None:
    at = torch.full((1, *SHAPE), 0.5, dtype=torch.float64)
    first, second = torch.zeros((2, 1, *SHAPE), dtype=torch.float64)
    first[0, 0, 0, 0] = second[0, 0, 0, 1] = 1.0
    places = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
    found = plane_responses(response_of_all(Saddle(), 1), at, (first, second), places)[0]
    expected = 2 * (0.5 + places[:, None]) + 1.5 * (0.5 + places[None]) ** 2 - 2.5 * 0.5**2
    torch.testing.assert_close(found, expected)


def test_images_of_a_plane_lie_where_their_bytes_say() -> None:
    random = np.random.default_rng(0)
    clean = random.integers(60, 196, (16, 16, 3), dtype=np.uint8)
    first, second = np.linalg.qr(random.standard_normal((768, 2)))[0].T.reshape(2, 16, 16, 3)
    places = np.array([[0.5, -1.0], [1.5, 0.25]])
    made = plane_images(clean, (first, second), places)
    moved = (made.shown.astype(np.float64) - clean) / 255
    for place in range(2):
        parts = made.along[place] * first + made.across[place] * second
        np.testing.assert_allclose(np.linalg.norm(moved[place] - parts), made.off_plane[place])
    np.testing.assert_allclose(np.c_[made.along, made.across], places, atol=0.01)  # nothing is clipped
    assert (made.off_plane < np.sqrt(768 / 12) / 255 * 1.2).all()  # rounding: 1/12 of a squared level a value


def test_black_and_white_hold_a_plane_back_and_it_is_told() -> None:
    clean = np.full((8, 8, 3), 250, dtype=np.uint8)
    first, second = np.zeros((2, 8, 8, 3))
    first[..., 0], second[..., 1] = 1 / 8, 1 / 8
    made = plane_images(clean, (first, second), np.array([[1.0, 0.0], [-1.0, 0.0]]))
    assert made.shown.max() == 255
    np.testing.assert_allclose(made.along, [5 / 255 * 8, -1.0], atol=2e-3 * 8)
