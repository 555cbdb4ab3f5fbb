"""A site's search: it climbs, it is the library's own, and gone through again it is the same to the last bit."""

from __future__ import annotations

from collections.abc import Callable

import cma
import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.stimuli.evolution.search import Evolved, Generation, evolve, start_of

Floats = NDArray[np.float64]
N, N_IMAGES, SEED = 12, 16, 5
TARGET = np.linspace(-2, 2, N)


def linear(codes: Floats) -> Floats:
    return np.asarray(codes @ TARGET / np.linalg.norm(TARGET))


def hill(codes: Floats) -> Floats:
    return np.asarray(-((codes - TARGET) ** 2).sum(axis=1))


def run(response: Callable[[Floats], Floats], n_generations: int) -> tuple[list[Generation], Evolved]:
    shown = list[Generation]()
    for _ in range(n_generations):
        found = again(shown)
        shown.append(Generation(found.codes, response(found.codes)))
    return shown, again(shown)


def again(shown: list[Generation]) -> Evolved:
    return evolve(np.zeros(N), shown, n_images=N_IMAGES, step_size=0.3, seed=SEED)


def test_on_a_linear_response_it_climbs_with_every_generation_and_keeps_to_its_direction() -> None:
    means = [again(run(linear, n)[0]).mean for n in (0, 5, 10)]
    heights = [float(linear(mean[None])[0]) for mean in means]
    assert heights[0] == 0
    assert heights[1] > 1
    assert heights[2] > 2 * heights[1]
    assert heights[2] / np.linalg.norm(means[2]) > 0.7  # of a direction drawn at random .3


def test_on_a_hill_it_finds_the_top() -> None:
    _, found = run(hill, 80)
    np.testing.assert_allclose(found.mean, TARGET, atol=0.1)
    assert found.n_told == 80


def test_a_narrower_generation_lies_in_the_same_directions_around_the_same_mean() -> None:
    shown, found = run(hill, 5)
    half = evolve(np.zeros(N), shown, n_images=N_IMAGES, step_size=0.3, seed=SEED, spread=0.5)
    np.testing.assert_array_equal(half.mean, found.mean)
    np.testing.assert_allclose(half.codes - half.mean, (found.codes - found.mean) / 2)
    assert hill(half.codes).mean() > hill(found.codes).mean()


def test_gone_through_again_it_is_the_search_that_never_stopped() -> None:
    shown, found = run(hill, 6)
    random = np.random.default_rng(SEED)
    whole = cma.CMAEvolutionStrategy(
        np.zeros(N),
        0.3,
        {
            "popsize": N_IMAGES,
            "randn": lambda *shape: random.standard_normal(shape),
            "seed": np.nan,
            "verbose": -9,
            "CMA_diagonal": True,
        },
    )
    for one in shown:
        codes = whole.ask()
        np.testing.assert_array_equal(one.codes, codes)
        whole.tell(codes, (-hill(np.array(codes))).tolist())
    np.testing.assert_array_equal(found.mean, whole.mean)
    np.testing.assert_array_equal(found.codes, whole.ask())


def test_codes_that_came_back_from_a_file_are_told_as_those_that_were_drawn() -> None:
    shown, found = run(linear, 4)
    copies = [Generation(np.frombuffer(one.codes.tobytes()).reshape(-1, N), one.responses) for one in shown]
    np.testing.assert_array_equal(again(copies).codes, found.codes)


def test_the_order_of_responses_alone_counts() -> None:
    shown, found = run(hill, 5)
    other = [Generation(one.codes, np.exp(one.responses / 50) * 100) for one in shown]
    np.testing.assert_array_equal(again(other).codes, found.codes)


def test_an_image_without_a_response_is_neither_good_nor_bad() -> None:
    (first,), _ = run(hill, 1)
    lost = first.responses.copy()
    lost[3] = np.nan
    filled = np.where(np.isnan(lost), np.nanmedian(lost), lost)
    np.testing.assert_array_equal(
        again([Generation(first.codes, lost)]).mean, again([Generation(first.codes, filled)]).mean
    )


def test_a_generation_that_was_hardly_seen_teaches_nothing_and_the_next_one_is_another() -> None:
    (first,), _ = run(hill, 1)
    responses = np.where(np.arange(N_IMAGES) < N_IMAGES / 2 - 1, first.responses, np.nan)
    found = again([Generation(first.codes, responses)])
    assert found.n_told == 0
    np.testing.assert_array_equal(found.mean, np.zeros(N))
    assert not (found.codes == first.codes).any()


def test_numpys_own_random_numbers_are_nobodys() -> None:
    np.random.seed(1)  # noqa: NPY002 - the state that is to stay
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # type: ignore[index, union-attr]
    shown, found = run(hill, 2)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002  # type: ignore[index]
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(again(shown).codes, found.codes)


def test_it_begins_from_the_images_that_were_answered_most_weighted_by_rank() -> None:
    codes, responses = np.eye(4), np.array([1.0, np.nan, 5.0, 3.0])
    np.testing.assert_array_equal(start_of(codes, responses, n_parents=1), codes[2])
    first, second = np.log(2.5), np.log(2.5) - np.log(2)
    wanted = (first * codes[2] + second * codes[3]) / (first + second)
    np.testing.assert_allclose(start_of(codes, responses, n_parents=2), wanted)
    assert start_of(codes, responses, n_parents=9)[1] == 0


def test_without_a_response_there_is_nothing_to_begin_from() -> None:
    with pytest.raises(ValueError, match="found none"):
        start_of(np.eye(2), np.full(2, np.nan), n_parents=1)
