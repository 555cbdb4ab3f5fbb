"""Twins keep their distance when one is requeued: a changed image from its clean one, and the reverse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.artifacts.day.presented.order import PresentationOrder, requeue
from closedloop.artifacts.day.presented.twins import TwinDistances
from closedloop.artifacts.day.session import TwinSettings
from tests.unit.artifacts.day.test_session import session

CLEAN_OF = (0, 0, 2, 2, 4, 5, 6, 7)  # 1 was made from 0, 3 from 2


def distances(least, image_index):
    return TwinDistances(TwinSettings(least_presentations=least, clean_of_image=CLEAN_OF), image_index)


def places_of(free):
    return [place for some in free for place in some]


def test_far_from_a_twin_that_was_shown():
    # 0 clean was shown as ordinal 9; its changed image may not come before ordinal 13, the fourth after it
    twins = distances(4, [0, 1, 4, 5, 6, 7])
    twins.show(9, 0)
    assert places_of(twins.places([2, 3, 4, 5], 1, behind=0, next_ordinal=10)) == [3, 4]


def test_far_from_a_twin_that_is_queued_on_both_sides():
    # clean in the middle of the queue, at place 4: three before it or three behind
    twins = distances(3, [0, 1, 4, 5, 6, 7, 4, 5, 6, 7])
    queue = [2, 3, 4, 5, 0, 6, 7, 8, 9]
    free = places_of(twins.places(queue, 1, behind=0, next_ordinal=0))
    assert free == [0, 1, 2, 7, 8, 9]
    for place in range(len(queue) + 1):
        there = [*queue[:place], 1, *queue[place:]]
        assert (abs(there.index(0) - there.index(1)) >= 3) == (place in free)


def test_the_same_image_again_is_no_twin():
    twins = distances(50, [1, 1, 4, 5])
    twins.show(0, 0)
    assert places_of(twins.places([2, 3], 1, behind=0, next_ordinal=1)) == [0, 1, 2]


def test_where_no_place_is_far_enough_the_farthest_is_taken_and_counted():
    twins = distances(20, [0, 1, 4, 5, 6])
    twins.show(0, 0)
    assert places_of(twins.places([2, 3, 4], 1, behind=1, next_ordinal=1)) == [3]
    twins.show(4, 1)
    assert twins.n_too_near == 0  # it is not accepted yet
    twins.accept(1)
    assert twins.n_too_near == 1


def test_what_was_seen_counts_whether_it_was_accepted_or_not():
    twins = distances(4, [0, 1, 4, 5, 6])
    twins.show(0, 0)
    twins.show(6, 0)
    twins.show(8, 1)
    twins.accept(1)
    assert twins.n_too_near == 1


@given(
    least=st.integers(0, 12),
    queue=st.permutations(range(16)),
    behind=st.integers(0, 5),
    shown=st.none() | st.integers(1, 15),
)
def test_the_places_are_all_those_and_only_those_that_are_far_enough(least, queue, behind, shown):
    image_index = [0, 1, 2, 3, 4, 5, 6, 7] * 2
    twins = distances(least, image_index)
    rejected = queue[-1]
    queue = queue[:-1]
    if shown is not None:
        twins.show(100 - shown, 0)
    family, is_changed = CLEAN_OF[image_index[rejected]], image_index[rejected] != CLEAN_OF[image_index[rejected]]

    def is_twin(index):
        image = image_index[index]
        return CLEAN_OF[image] == family and (image != CLEAN_OF[image]) != is_changed

    def is_far(place):
        there = [*queue[:place], rejected, *queue[place:]]
        seen = [100 - shown] if shown is not None and is_twin(0) else []
        near = [*seen, *(100 + at for at, index in enumerate(there) if is_twin(index))]
        return all(abs(100 + place - at) >= least for at in near)

    expected = [place for place in range(behind, len(queue) + 1) if is_far(place)]
    free = places_of(twins.places(queue, rejected, behind=behind, next_ordinal=100))
    assert free == expected or (not expected and len(free) == 1)


def test_without_twins_the_draw_is_that_of_sessions_that_have_none():
    everywhere = [range(2, 21)]
    for n in range(1, 30):
        plain = requeue(range(20), 99, behind=2, seed=4, n_rejections=n)
        assert requeue(range(20), 99, behind=2, seed=4, n_rejections=n, places=everywhere) == plain


@pytest.mark.parametrize("seed", range(20))
def test_a_rejected_image_stays_away_from_its_twin_while_others_are_left(seed):
    # 80 presentations of 20 images, each changed one ten places behind its clean one; every tenth is rejected
    twins = TwinSettings(least_presentations=8, clean_of_image=tuple(i % 10 for i in range(20)))
    document = session(seed=seed, twins=twins, n_images=20, n_presentations=80)
    images = [(k * 7) % 10 + 10 * (k % 20 >= 10) for k in range(80)]
    order = PresentationOrder(document, images)
    seen, ordinal = [], 0
    while order.queue:
        for index in order.start_trial():
            order.begin(ordinal, index)
            rejects = ordinal % 10 == 3 and ordinal < 50
            if not rejects:
                order.accept(index)
            seen.append((ordinal, images[index], not rejects))
            ordinal += 1
        order.end_trial()
    assert sorted(image for _, image, is_accepted in seen if is_accepted) == sorted(images)
    for later, image, is_accepted in seen:
        shortly_before = {other for _, other, _ in seen[max(0, later - 7) : later]}
        assert not is_accepted or (image + 10) % 20 not in shortly_before
    assert order.n_twins_too_near == 0
