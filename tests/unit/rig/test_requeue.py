"""Where a rejected presentation returns to: every place behind the unshown ones is as likely, and the seed decides."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from closedloop.artifacts.day.presented.order import PresentationOrder, requeue
from tests.unit.artifacts.day.test_session import TRIAL, session

N_SEEDS = 600


def place_after(seed: int, *, n_rejections: int = 1) -> int:
    queue = requeue(range(10), 99, behind=2, seed=seed, n_rejections=n_rejections)
    return queue.index(99)


def test_every_place_behind_the_unshown_is_as_likely():
    places = Counter(place_after(seed) for seed in range(N_SEEDS))
    assert set(places) == set(range(2, 11))
    assert chisquare(list(places.values())).pvalue > 1e-4


def test_another_rejection_of_the_same_presentation_draws_another_place():
    places = {place_after(0, n_rejections=n) for n in range(1, 40)}
    assert places == set(range(2, 11))


@given(
    queue=st.lists(st.integers(0, 50), unique=True),
    behind=st.integers(0, 5),
    seed=st.integers(0, 2**32),
    n_rejections=st.integers(1, 9),
)
def test_the_others_keep_their_order_and_the_draw_is_the_same_again(queue, behind, seed, n_rejections):
    behind = min(behind, len(queue))
    once = requeue(queue, 99, behind=behind, seed=seed, n_rejections=n_rejections)
    assert once == requeue(queue, 99, behind=behind, seed=seed, n_rejections=n_rejections)
    assert [index for index in once if index != 99] == queue
    assert once.index(99) >= behind


def order_of(seed: int, *, n_presentations: int, n_a_trial: int) -> PresentationOrder:
    trial = TRIAL.model_copy(update={"presentations_per_trial": n_a_trial})
    return PresentationOrder(session(seed=seed, trial=trial), range(n_presentations))


@pytest.mark.parametrize("n_unshown", [0, 3])
def test_a_trial_s_rejected_image_goes_to_its_seeded_place_and_not_to_the_end(n_unshown):
    places = Counter()
    for seed in range(N_SEEDS):
        order = order_of(seed, n_presentations=7 + n_unshown, n_a_trial=1 + n_unshown)
        order.start_trial()
        order.begin(0, 0)
        order.end_trial()
        others = list(range(1, 7 + n_unshown))
        assert order.queue[:n_unshown] == others[:n_unshown]
        assert order.queue == requeue(others, 0, behind=n_unshown, seed=seed, n_rejections=1)
        places[order.queue.index(0)] += 1
    assert set(places) == set(range(n_unshown, n_unshown + 6 + 1))
    assert chisquare(list(places.values())).pvalue > 1e-4


def test_a_presentation_rejected_twice_is_counted_twice():
    order = order_of(5, n_presentations=7, n_a_trial=1)
    order.start_trial()
    order.begin(0, 0)
    order.end_trial()
    order.queue.remove(0)
    order.queue.insert(0, 0)
    order.start_trial()
    order.begin(1, 0)
    order.end_trial()
    assert order.n_rejections[0] == 2
    assert order.queue == requeue(range(1, 7), 0, behind=0, seed=5, n_rejections=2)


def test_what_was_accepted_does_not_return():
    order = order_of(5, n_presentations=7, n_a_trial=3)
    for ordinal, index in enumerate(order.start_trial()):
        order.begin(ordinal, index)
        order.accept(index)
    order.end_trial()
    assert (order.queue, order.n_accepted, order.next_ordinal) == ([3, 4, 5, 6], 3, 3)
