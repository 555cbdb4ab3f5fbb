"""Orders of presentation: families spread out, twins measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from closedloop.stimuli.sequences import minutes_to_twin, move_twins_apart, spread_order, twin_separation


def smallest_gap(order: np.ndarray, family: np.ndarray, *, cyclic: bool) -> int:
    """Fewest places between two members of a family, around the end of the session too where `cyclic`."""
    gaps = []
    for name in np.unique(family):
        places = np.flatnonzero(family[order] == name)
        ends = [places[0] + len(order)] if cyclic else []
        gaps += np.diff([*places, *ends]).tolist()
    return min(gaps)


@given(family=st.lists(st.integers(-3, 40), max_size=60), seed=st.integers(0, 2**40))
def test_every_presentation_comes_once(family: list[int], seed: int) -> None:
    order = spread_order(np.array(family, dtype=np.int64), seed=seed)
    assert sorted(order.tolist()) == list(range(len(family)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("members", [2, 3, 8])
def test_members_of_a_family_stay_half_a_spacing_apart(members: int, seed: int) -> None:
    """Between two members lies at least half of a spacing, around the end of the session too.

    There each of the other families has a member with probability 1/2 at least, independently: of n families
    (n - 1) / 2 on average, with a standard deviation of sqrt(n) / 2 at most.
    """
    n_families = 400
    family = np.repeat(np.arange(n_families), members)
    gap = smallest_gap(spread_order(family, seed=seed), family, cyclic=True)
    assert gap >= (n_families - 1) / 2 - 5 * np.sqrt(n_families) / 2


def test_a_mere_shuffle_would_not_pass_the_same_bound() -> None:
    family = np.repeat(np.arange(400), 3)
    shuffled = np.random.default_rng(0).permutation(len(family))
    assert smallest_gap(shuffled, family, cyclic=False) < 20


def test_small_families_lie_anywhere_in_the_session() -> None:
    """A family of one is uniform over the session, at its beginning and end as in its middle."""
    family = np.r_[np.repeat(np.arange(50), 4), 99]
    places = [int(np.flatnonzero(spread_order(family, seed=seed) == 200)[0]) for seed in range(5000)]
    assert stats.kstest(np.array(places) / 200, "uniform").pvalue > 1e-3


def test_which_member_of_a_family_comes_first_is_left_to_chance() -> None:
    family = np.repeat(np.arange(300), 2)
    order = spread_order(family, seed=3)
    place = np.empty(600)
    place[order] = np.arange(600)
    first = int((place[::2] < place[1::2]).sum())
    assert stats.binomtest(first, 300).pvalue > 1e-3


def test_the_order_is_decided_by_its_seed() -> None:
    family = np.repeat(np.arange(20), 3)
    assert np.array_equal(spread_order(family, seed=1), spread_order(family, seed=1))
    assert not np.array_equal(spread_order(family, seed=1), spread_order(family, seed=2))


@st.composite
def sessions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images 0 to 3 are clean; images 4 to 9 are made from one of them."""
    clean_index = np.array([0, 1, 2, 3, *draw(st.lists(st.integers(0, 3), min_size=6, max_size=6))])
    shown = np.array(draw(st.lists(st.integers(0, 9), max_size=30)), dtype=np.int64)
    steps = draw(st.lists(st.floats(0.1, 50), min_size=len(shown), max_size=len(shown)))
    return shown, clean_index, np.cumsum(steps)


def twins(shown: np.ndarray, clean_index: np.ndarray, position: np.ndarray) -> list[float]:
    """Distances to the nearest clean twin, every pair looked at."""
    found = []
    for place, image in enumerate(shown):
        own = [abs(position[place] - position[other]) for other, twin in enumerate(shown) if twin == clean_index[image]]
        if clean_index[image] != image and own:
            found.append(float(min(own)))
    return found


@settings(max_examples=200, deadline=None)
@given(session=sessions())
def test_twin_distances_are_those_of_looking_at_every_pair(
    session: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    shown, clean_index, onset_s = session
    places = np.arange(len(shown))
    assert twin_separation(shown, clean_index).tolist() == twins(shown, clean_index, places)
    minutes = minutes_to_twin(shown, onset_s, clean_index)
    np.testing.assert_allclose(np.sort(minutes), np.sort(twins(shown, clean_index, onset_s)) / 60, atol=1e-9)


def test_clean_images_have_no_twin_and_a_twin_that_is_not_shown_counts_for_none() -> None:
    clean_index = np.array([0, 1, 0])
    for shown in (np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([], dtype=np.int64)):
        assert len(twin_separation(shown, clean_index)) == 0
        assert len(minutes_to_twin(shown, np.arange(len(shown), dtype=float), clean_index)) == 0


def test_minutes_may_be_asked_for_in_any_order_of_presentations() -> None:
    """Image 2 is shown 10 and 130 s from the nearest showings (0 and 300 s) of its twin."""
    shown, onset_s = np.array([2, 0, 2, 0]), np.array([170.0, 300.0, 10.0, 0.0])
    minutes = minutes_to_twin(shown, onset_s, np.array([0, 1, 0]))
    np.testing.assert_allclose(np.sort(minutes), [10 / 60, 130 / 60])


@settings(max_examples=100, deadline=None)
@given(session=sessions(), least=st.integers(1, 8), seed=st.integers(0, 3))
def test_moving_twins_apart_loses_no_presentation_and_brings_none_nearer(
    session: tuple[np.ndarray, np.ndarray, np.ndarray], least: int, seed: int
) -> None:
    shown, clean_index, _ = session
    moved = move_twins_apart(shown, clean_index, least=least, seed=seed)
    assert sorted(moved.tolist()) == sorted(shown.tolist())
    assert moved.tolist() == move_twins_apart(shown, clean_index, least=least, seed=seed).tolist()
    before, after = twin_separation(shown, clean_index), twin_separation(moved, clean_index)
    assert (after < least).sum() <= (before < least).sum()
    if (before >= least).all():
        assert moved.tolist() == shown.tolist()


def test_a_family_of_many_twins_finds_room_beside_its_few_clean_showings() -> None:
    """28 of 400 are one family, 14 apart if evenly spread; its four clean showings can be 30 from every changed one."""
    image = np.r_[np.zeros(4, np.int64), np.repeat(np.arange(1, 13), 2), np.arange(13, 385)]
    clean_index = np.r_[np.zeros(13, np.int64), np.arange(13, 385)]
    order = image[spread_order(clean_index[image], seed=1)]
    assert twin_separation(order, clean_index).min() < 20
    assert twin_separation(move_twins_apart(order, clean_index, least=30, seed=1), clean_index).min() >= 30
