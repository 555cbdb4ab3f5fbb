"""The computed pool: what its images are a function of, and what they may not give away."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.errors import ImageError
from closedloop.stimuli.pools import ProceduralPool, images_by_category, load_images, open_pool
from closedloop.stimuli.procedural import one_over_f_background


def test_thirty_categories_are_every_pair_of_six_shapes_and_five_textures() -> None:
    categories = {image.category for image in ProceduralPool(seed=1, n_per_category=2).images()}
    shapes, textures = zip(*(category.split("-") for category in categories), strict=True)
    assert len(categories) == 30
    assert len(set(shapes)) == 6
    assert len(set(textures)) == 5


def test_images_are_sorted_and_every_category_has_as_many() -> None:
    pool = ProceduralPool(seed=1, n_categories=7, n_per_category=12)
    ids = [image.image_id for image in pool.images()]
    assert ids == sorted(ids)
    assert len(set(ids)) == 7 * 12
    assert {len(group) for group in images_by_category(pool).values()} == {12}


def test_an_image_depends_on_the_seed_and_its_identity_and_on_no_image_loaded_before() -> None:
    first, second = ProceduralPool(seed=3), ProceduralPool(seed=3)
    alone = first.load("star-dots-000007")
    load_images(second, tuple(image.image_id for image in second.images()[:5]))
    assert np.array_equal(alone, second.load("star-dots-000007"))
    assert not np.array_equal(alone, ProceduralPool(seed=4).load("star-dots-000007"))
    assert not np.array_equal(alone, first.load("star-dots-000008"))


def test_a_smaller_pool_of_the_same_seed_holds_the_same_images() -> None:
    image_id = "disk-stripes-000003"
    small = ProceduralPool(seed=5, n_categories=3, n_per_category=4)
    assert np.array_equal(small.load(image_id), ProceduralPool(seed=5).load(image_id))


@pytest.mark.parametrize("side_px", [16, 32, 33, 224])
def test_pixels_are_uint8_of_the_side_asked_for_and_use_the_range(side_px: int) -> None:
    image = ProceduralPool(seed=2, side_px=side_px).load("cross-checks-000000")
    assert image.shape == (side_px, side_px, 3)
    assert image.dtype == np.uint8
    assert np.ptp(image) > 60


def test_the_background_falls_off_as_one_over_f() -> None:
    rng = np.random.default_rng(0)
    side = 64
    power = np.mean([np.abs(np.fft.fft2(one_over_f_background(side, rng)[..., 0])) ** 2 for _ in range(200)], axis=0)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    band = (frequency > 0) & (frequency < 0.4)
    slope = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]
    assert slope == pytest.approx(-2, abs=0.1)  # amplitude 1/f is power 1/f^2


def test_mean_colour_does_not_tell_the_category() -> None:
    pool = ProceduralPool(seed=6, n_per_category=40)
    groups = images_by_category(pool)
    means = np.array([load_images(pool, ids).mean(axis=(1, 2)) for ids in groups.values()])  # (30, 40, 3)
    within = means.var(axis=1, ddof=1).mean()
    between = means.mean(axis=1).var(axis=0, ddof=1).mean() * means.shape[1]
    # One-way analysis of variance: without any difference F is 1 +- sqrt(2 / 29 / 3 colours); 5 standard deviations.
    assert between / within < 1 + 5 * np.sqrt(2 / 29 / 3)


@pytest.mark.parametrize("image_id", ["disk-plain-001000", "disk-plain", "blob-plain-000001", "disk-plain--00001", ""])
def test_an_identity_that_is_not_in_the_pool_is_refused(image_id: str) -> None:
    with pytest.raises(ImageError, match="no image"):
        ProceduralPool(seed=1, n_per_category=1000).load(image_id)


@pytest.mark.parametrize("sizes", [{"n_categories": 31}, {"n_categories": 0}, {"n_per_category": 0}, {"side_px": 4}])
def test_sizes_that_no_pool_can_have_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ImageError, match="procedural pool"):
        ProceduralPool(seed=1, **sizes)


def test_a_description_opens_the_same_pool_again() -> None:
    pool = ProceduralPool(seed=9, side_px=40, n_categories=4, n_per_category=3)
    assert open_pool(pool.description()) == pool


@pytest.mark.parametrize(
    ("description", "message"), [({"kind": "film"}, "unknown"), ({"kind": "procedural", "seed": 1}, "lacks 'side_px'")]
)
def test_a_description_of_no_pool_is_refused(description: dict[str, str | int], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        open_pool(description)
