"""Where a rejected presentation returns to: every place behind the unshown ones is as likely, and the seed decides."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from closedloop.artifacts.day.journal_rows import Presentation
from closedloop.artifacts.day.presented.order import requeue
from rig.machine.state import SessionState

N_SEEDS = 600


def rejected(presentation_index: int, *, ordinal: int = 0) -> Presentation:
    return Presentation(
        ordinal=ordinal,
        trial=0,
        position=0,
        presentation_index=presentation_index,
        image_index=0,
        stimulus_id="a",
        repetition=0,
        code=1,
        onset_s=0.0,
        offset_s=0.1,
        planned_on_frames=6,
        on_frames=3,
        planned_off_frames=6,
        outcome="rejected",
        reason="fixation_broken",
    )


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


@pytest.mark.parametrize("n_unshown", [0, 3])
def test_a_trial_s_rejected_image_goes_to_its_seeded_place_and_not_to_the_end(n_unshown):
    unshown, rest = [20, 21, 22][:n_unshown], list(range(30, 36))
    places = Counter()
    for seed in range(N_SEEDS):
        state = SessionState(seed=seed, queue=list(rest))
        state.settle([99, *unshown], [rejected(99)])
        assert state.queue[:n_unshown] == unshown
        assert state.queue == requeue([*unshown, *rest], 99, behind=n_unshown, seed=seed, n_rejections=1)
        places[state.queue.index(99)] += 1
    assert set(places) == set(range(n_unshown, n_unshown + len(rest) + 1))
    assert chisquare(list(places.values())).pvalue > 1e-4


def test_a_presentation_rejected_twice_is_counted_twice():
    state = SessionState(seed=5, queue=list(range(30, 36)))
    state.settle([99], [rejected(99)])
    state.queue.remove(99)
    state.settle([99], [rejected(99, ordinal=1)])
    assert state.n_rejections[99] == 2
    assert state.queue == requeue(range(30, 36), 99, behind=0, seed=5, n_rejections=2)
