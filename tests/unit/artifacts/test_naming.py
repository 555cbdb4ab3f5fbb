"""Seeds from names, identifiers from content."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.artifacts.naming import derive_seed, generator, stimulus_id

names = st.lists(st.one_of(st.text("abc-_0", max_size=4), st.integers(0, 20)), max_size=4)


def test_a_seed_is_what_it_was_in_every_version() -> None:
    """First eight bytes, little endian, below 2**63, of `printf '2022\\x1fplan\\x1f3' | sha256sum`."""
    digest = "84a34111bd3c9250ecaf5a04c150a18f544e7254230f3492e5a4ccdbc842a2f0"
    expected = sum(int(digest[2 * i : 2 * i + 2], 16) << (8 * i) for i in range(8)) & (2**63 - 1)
    assert derive_seed(2022, "plan", 3) == expected


@given(seed=st.integers(0, 2**63), first=names, second=names)
def test_other_names_give_another_seed(seed: int, first: list[str | int], second: list[str | int]) -> None:
    same = [str(name) for name in first] == [str(name) for name in second]
    assert (derive_seed(seed, *first) == derive_seed(seed, *second)) == same


@given(seeds=st.lists(st.integers(0, 2**40), min_size=2, max_size=2, unique=True), named=names)
def test_another_study_gives_another_seed(seeds: list[int], named: list[str | int]) -> None:
    assert derive_seed(seeds[0], *named) != derive_seed(seeds[1], *named)


@pytest.mark.parametrize(
    ("one", "other"), [(("ab", "c"), ("a", "bc")), (("a", "b"), ("b", "a")), (("a",), ("a", "")), ((), ("",))]
)
def test_where_a_name_ends_and_its_place_count(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert derive_seed(1, *one) != derive_seed(1, *other)


def test_the_order_of_work_does_not_count() -> None:
    items = [f"item-{number}" for number in range(20)]
    forwards = {item: generator(3, item).random() for item in items}
    backwards = {item: generator(3, item).random() for item in reversed(items)}
    assert forwards == backwards
    assert len(set(forwards.values())) == len(items)


def test_all_63_bits_are_used_and_none_more() -> None:
    seeds = np.array([derive_seed(0, number) for number in range(2000)])
    share = (seeds[:, None] >> np.arange(63) & 1).mean(axis=0)
    assert seeds.min() >= 0
    assert np.abs(share - 0.5).max() < 5 * 0.5 / np.sqrt(2000)  # five standard errors of a fair coin


IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)


@given(place=st.integers(0, IMAGE.size - 1), by=st.integers(1, 255))
def test_a_changed_pixel_changes_the_identifier(place: int, by: int) -> None:
    changed = IMAGE.copy()
    changed.flat[place] = (int(changed.flat[place]) + by) % 256
    assert stimulus_id(changed) != stimulus_id(IMAGE)


def test_the_same_bytes_in_another_shape_are_another_stimulus() -> None:
    assert stimulus_id(IMAGE.reshape(6, 4, 3)) != stimulus_id(IMAGE)


def test_how_the_pixels_lie_in_memory_does_not_count() -> None:
    assert stimulus_id(np.asfortranarray(IMAGE)) == stimulus_id(IMAGE)
    assert stimulus_id(np.repeat(IMAGE, 2, axis=0)[::2]) == stimulus_id(IMAGE)


def test_an_identifier_is_sixteen_hex_digits() -> None:
    assert len(stimulus_id(IMAGE)) == 16
    assert set(stimulus_id(IMAGE)) <= set("0123456789abcdef")
