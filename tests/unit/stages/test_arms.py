"""Which pairs arms attack: the same ones, each once, sites and images mixed; and what a session measured of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from closedloop.artifacts.day.queue import QueuedImage
from closedloop.stages.arms.effects import SiteAnswers
from closedloop.stages.arms.rows import pairs_of_day

IMAGES = [QueuedImage(image_id=f"image-{number}", category="c") for number in range(42)]
SITES = tuple(range(21))


def test_every_pair_comes_once_and_the_first_ones_have_every_image_and_site() -> None:
    pairs = pairs_of_day(IMAGES, SITES, seed=3)
    names = [(image.image_id, site) for image, site in pairs]
    assert len(set(names)) == len(names) == 42 * 21
    first = names[:126]
    assert set(Counter(image for image, _ in first).values()) == {3}
    assert set(Counter(site for _, site in first).values()) == {6}
    other = [(image.image_id, site) for image, site in pairs_of_day(IMAGES, SITES, seed=4)]
    assert other != names


def test_halves_are_of_different_showings_and_in_the_sites_own_sigma() -> None:
    repetitions = np.array([[[10.0, 20.0, 30.0]], [[40.0, 60.0, np.nan]]])  # a clean image, and an attacked one
    answers = SiteAnswers(repetitions, np.array([10.0]), np.array([[20.0], [45.0]]))
    found = answers.changes(1, 0, 0)
    assert found == pytest.approx({"change": 3.0, "first_half": 2.0, "second_half": 4.0, "true_change": 2.5})
    alone = SiteAnswers(repetitions[:, :, :1], np.array([10.0]), None).changes(1, 0, 0)
    assert np.isnan([alone["second_half"], alone["true_change"]]).all()
