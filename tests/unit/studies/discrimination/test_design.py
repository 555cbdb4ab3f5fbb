"""The balance of section 6.2, session by session."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from closedloop.artifacts.discrimination.experiment import CATCH, KINDS
from closedloop.errors import ImageError
from closedloop.studies.discrimination.preparation.design import SessionPlan, design_trials, pairs_of_sessions
from tests.unit.studies.discrimination.experiments import noise_pairs

STIMULI = noise_pairs(30)
PLAN = SessionPlan(n_sessions=12)


def test_a_session_shows_each_of_25_perturbed_images_in_four_trials_and_ten_catch_trials_on_top() -> None:
    trials = design_trials(STIMULI.pairs, PLAN)
    for number in range(1, PLAN.n_sessions + 1):
        own = {name: column[trials["session"] == number] for name, column in trials.items()}
        kinds = Counter(own["kind"])
        assert kinds == {**dict.fromkeys(KINDS, 25), CATCH: 10}
        assert set(Counter(own["pair_index"][own["pair_index"] >= 0]).values()) == {4}
        np.testing.assert_array_equal(own["trial"], np.arange(110))
        assert set(Counter((np.flatnonzero(own["kind"] == CATCH)) // 11).values()) == {1}  # one in each eleven


def test_the_images_of_a_trial_are_what_its_kind_says() -> None:
    trials = design_trials(STIMULI.pairs, PLAN)
    for kind, first, second, index in zip(
        *(trials[name] for name in ("kind", "first_index", "second_index", "pair_index")), strict=True
    ):
        if kind == CATCH:
            clean = {pair.clean_index for pair in STIMULI.pairs}
            assert {first, second} <= clean
            assert first != second
        else:
            pair = STIMULI.pairs[index]
            rows = {"clean": pair.clean_index, "perturbed": pair.perturbed_index}
            assert [first, second] == [rows[name] for name in kind.split("-")]


def test_over_sessions_every_perturbed_image_is_shown_as_often_and_no_session_lacks_an_epsilon() -> None:
    sessions = pairs_of_sessions(STIMULI.pairs, PLAN)  # 300 of 60 pairs
    assert set(Counter(np.concatenate(sessions).tolist()).values()) == {5}
    for own in sessions:
        assert len(set(own.tolist())) == 25
        large = sum(STIMULI.pairs[index].epsilon == 10.0 for index in own)
        assert abs(large - 12.5) <= 2


def test_a_session_does_not_depend_on_how_many_there_are() -> None:
    few, many = (design_trials(STIMULI.pairs, SessionPlan(n)) for n in (2, 9))
    for name, column in few.items():
        np.testing.assert_array_equal(column, many[name][: len(column)])


def test_orders_differ_between_sessions_and_seeds() -> None:
    first = design_trials(STIMULI.pairs, PLAN)
    other = design_trials(STIMULI.pairs, SessionPlan(12, seed=1))
    assert (first["kind"] != other["kind"]).any()
    assert (first["kind"][:110] != first["kind"][110:220]).any()


def test_no_clean_image_follows_itself_perturbed_or_in_a_catch_trial() -> None:
    trials = design_trials(STIMULI.pairs, PLAN)
    clean_of = {pair.perturbed_index: pair.clean_index for pair in STIMULI.pairs}
    shown = [
        {clean_of.get(int(image), int(image)) for image in images}
        for images in zip(trials["first_index"], trials["second_index"], strict=True)
    ]
    beside = [one & other for one, other in pairwise(shown)]
    ends = trials["session"][1:] != trials["session"][:-1]
    assert not [shared for shared, is_end in zip(beside, ends, strict=True) if shared and not is_end]


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ImageError, match="at least 25 perturbed images for a session, found 4"):
        design_trials(STIMULI.pairs[:4], PLAN)
    with pytest.raises(ImageError, match="two clean images for catch trials, found one"):
        design_trials(STIMULI.pairs[:1], SessionPlan(1, pairs_a_session=1))
