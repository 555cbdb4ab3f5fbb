"""Drawing clean images: balanced, never one that was used before."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.errors import ImageError
from closedloop.stimuli.drawing import draw_balanced
from closedloop.stimuli.port import PoolImage
from tests.unit.messages import refused


def pool(sizes: dict[str, int]) -> list[PoolImage]:
    return [PoolImage(f"{name}-{number}", name) for name, size in sizes.items() for number in range(size)]


def draw(images: list[PoolImage], n: int, *, used: set[str] | None = None, seed: int = 0) -> tuple[PoolImage, ...]:
    return draw_balanced(images, n, used=used or set(), generator=np.random.default_rng(seed), place="day 3")


def filled_in_turn(sizes: dict[str, int], n: int) -> list[int]:
    """Counts of categories when images are handed out one at a time to whichever has fewest and any left."""
    counts = dict.fromkeys(sizes, 0)
    for _ in range(n):
        open_ones = [name for name in sizes if counts[name] < sizes[name]]
        counts[min(open_ones, key=counts.__getitem__)] += 1
    return sorted(counts.values())


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 8), min_size=1, max_size=6), part=st.floats(0, 1), seed=st.integers(0, 99))
def test_categories_are_filled_as_evenly_as_they_last(sizes: list[int], part: float, seed: int) -> None:
    named = {f"category {place}": size for place, size in enumerate(sizes)}
    images = pool(named)
    n = round(part * len(images))
    drawn = draw(images, n, seed=seed)
    counts = Counter(image.category for image in drawn)
    assert len(set(drawn)) == len(drawn) == n
    assert set(drawn) <= set(images)
    assert sorted(counts[name] for name in named) == filled_in_turn(named, n)


def test_used_images_never_come_again_until_the_pool_is_exhausted() -> None:
    images, used = pool({"a": 10, "b": 10, "c": 10}), set[str]()
    for day in range(5):
        drawn = {image.image_id for image in draw(images, 6, used=used, seed=day)}
        assert not drawn & used
        used |= drawn
    assert len(used) == 30
    with refused(
        ImageError, "image pool:", "expected 1 unused images for day 3, found 0 of 30", "clean_per_day"
    ) as caught:
        draw(images, 1, used=used)
    assert "Add images" not in str(caught.value)  # the study's list of images is closed: new ones are never drawn
    assert "put back those that are gone from the folder, or make a new study" in str(caught.value)


def test_an_unused_image_is_counted_where_the_pool_is_too_small() -> None:
    with refused(ImageError, "image pool:", "expected 4 unused images", "found 3 of 5"):
        draw(pool({"a": 2, "b": 3}), 4, used={"a-0", "b-2"})


def test_the_seed_decides_and_every_image_has_its_chance() -> None:
    images = pool({"a": 3, "b": 3})
    assert draw(images, 4, seed=5) == draw(images, 4, seed=5)
    firsts = Counter(draw(images, 1, seed=seed)[0] for seed in range(600))
    # 600 draws among 6 images: 100 each, standard deviation sqrt(600 / 6 * 5 / 6) = 9.1
    assert set(firsts) == set(images)
    assert all(abs(count - 100) < 5 * 9.2 for count in firsts.values())


def test_which_category_comes_first_is_left_to_chance() -> None:
    """Asking for fewer images than categories must not always serve the same ones."""
    images = pool(dict.fromkeys("abcdef", 2))
    served = Counter(image.category for seed in range(300) for image in draw(images, 2, seed=seed))
    assert set(served) == set("abcdef")
    assert all(abs(count - 100) < 5 * np.sqrt(300 / 3 * 2 / 3) for count in served.values())
