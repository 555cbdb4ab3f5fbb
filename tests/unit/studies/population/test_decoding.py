"""Decoding of made-up populations: what was put in is found, at equally many repetitions."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.decoding.redundancy import decoder_axes
from closedloop.artifacts.tables import as_arrays
from closedloop.errors import StudyError
from closedloop.studies.population.decoding import (
    clean_asked,
    clean_pairs,
    decode_pairs,
    fit_decoders,
    matched_repetitions,
)
from closedloop.studies.population.documents import DECODING, REDUNDANCY
from closedloop.studies.population.recorded import RecordedPopulation
from closedloop.studies.population.tables import (
    Row,
    category_rows,
    clean_row,
    decoding_rows,
    redundancy_rows,
    squares_moved,
)
from tests.unit.studies.population.subject import N_ANCHORS, N_CATEGORIES, N_EACH, N_SITES, made_up


def decoded(recorded: RecordedPopulation) -> tuple[dict[str, Row], Row]:
    """Return the row of each kind of change, and that of the clean images."""
    decoders = fit_decoders(recorded, seed=0, place="here")
    n = matched_repetitions(recorded)
    pairs = decode_pairs(recorded, decoders, n=n)
    rows = decoding_rows(pairs, squares_moved(pairs), truth=False, n_sites=N_SITES)
    return {row["kind"]: row for row in rows}, clean_row(*clean_asked(recorded, decoders, n=n), truth=False)


def test_a_sham_loses_nothing_though_clean_images_are_shown_twice_as_often() -> None:
    """At a signal where two presentations more would decode better: unmatched, the sham would seem to lose."""
    lost, unmatched = [], []
    for seed in range(12):
        recorded = made_up(moves={"sham": np.zeros(N_SITES)}, signal=0.5, noise=1.5, seed=seed)
        rows, clean = decoded(recorded)
        lost.append(rows["sham"]["lost"])
        decoders = fit_decoders(recorded, seed=0, place="here")
        unmatched.append(clean_asked(recorded, decoders, n=4)[0].mean() - rows["sham"]["accuracy"])
        assert clean["accuracy"] == pytest.approx(rows["sham"]["clean"])
    assert abs(np.mean(lost)) < 3 * np.std(lost) / np.sqrt(len(lost)) + 0.01
    assert np.mean(unmatched) > np.mean(lost) + 0.02


def test_the_movement_that_was_made_is_found_without_the_noise() -> None:
    movement = np.zeros(N_SITES)
    movement[[2, 5]] = 3.0, -2.0
    rows, _ = decoded(made_up(moves={"attacked": movement}))
    wanted = np.sqrt((movement**2).mean())
    assert rows["attacked"]["moved"] == pytest.approx(wanted, rel=0.1)
    assert rows["attacked"]["moved_low"] < wanted < rows["attacked"]["moved_high"]
    assert rows["attacked"]["n_stimuli"] == N_ANCHORS


def test_a_movement_in_the_decoders_null_space_loses_nothing_and_one_in_its_row_space_does() -> None:
    still = made_up()
    axes = decoder_axes(fit_decoders(still, seed=0, place="here").whole)
    assert axes.shape == (N_CATEGORIES - 1, N_SITES)
    inside = 6.0 * axes[0]
    beside = np.random.default_rng(5).normal(size=N_SITES)
    beside -= axes.T @ (axes @ beside)
    beside *= 6.0 / np.linalg.norm(beside)
    recorded = made_up(moves={"attacked": inside, "gaussian": beside})
    rows, _ = decoded(recorded)
    assert rows["attacked"]["lost"] > 0.3
    assert rows["attacked"]["lost_per_sd_low"] > 0
    assert abs(rows["gaussian"]["lost"]) < 0.1
    assert rows["gaussian"]["moved"] == pytest.approx(rows["attacked"]["moved"], rel=0.15)
    decoders = fit_decoders(recorded, seed=0, place="here")
    pairs = decode_pairs(recorded, decoders, n=2)
    seen = {
        (row["kind"], row["space"]): row
        for row in redundancy_rows(pairs, clean_pairs(recorded, decoders, seed=0), decoders)
    }
    assert seen["attacked", "row_space"]["seen"] == pytest.approx(1.0, abs=0.1)
    assert seen["gaussian", "row_space"]["seen"] == pytest.approx(0.0, abs=0.1)
    assert seen["gaussian", "row_space"]["random"] == (N_CATEGORIES - 1) / N_SITES
    other, same = seen["clean_other", "row_space"], seen["clean_same", "row_space"]
    assert other["seen_low"] > other["random_high"]  # categories differ along what the decoder reads
    assert same["seen_low"] < same["random_high"]
    assert set(as_arrays(list(seen.values()), REDUNDANCY)) == set(REDUNDANCY.columns)


def test_without_categories_in_the_responses_everything_is_at_chance() -> None:
    decoders = fit_decoders(made_up(signal=0.0, moves={"sham": np.zeros(N_SITES)}), seed=0, place="here")
    chance = decoders.chance(seed=1)
    low, high = np.quantile(chance, (0.005, 0.995))
    assert low <= decoders.cross_validated.mean() <= high
    assert chance.mean() == pytest.approx(1 / N_CATEGORIES, abs=0.02)


def test_no_decoder_is_taught_by_an_anchor_or_asked_about_what_it_was_taught() -> None:
    recorded = made_up()
    decoders = fit_decoders(recorded, seed=0, place="here")
    assert len(decoders.taught) == N_CATEGORIES * N_EACH
    moved = made_up()
    moved.z[np.isin(moved.stimulus, np.flatnonzero(moved.stimuli.role == "anchor"))] += 100.0
    for one, again in zip(decoders.of_folds, fit_decoders(moved, seed=0, place="here").of_folds, strict=True):
        np.testing.assert_array_equal(one.weights, again.weights)


def test_a_kind_that_was_shown_once_sets_the_repetitions_of_all() -> None:
    recorded = made_up(moves={"attacked": np.zeros(N_SITES), "gaussian": np.zeros(N_SITES)})
    assert matched_repetitions(recorded) == 2
    first = {int(one): place for place, one in reversed(list(enumerate(recorded.stimulus)))}
    once = np.array([
        recorded.stimuli.kind[one] != "gaussian" or first[int(one)] == place
        for place, one in enumerate(recorded.stimulus)
    ])  # fmt: skip
    thinned = RecordedPopulation(
        **{name: getattr(recorded, name) for name in recorded.__dataclass_fields__}
        | {"z": recorded.z[once], "stimulus": recorded.stimulus[once]}
    )
    assert matched_repetitions(thinned) == 1


def test_rows_of_categories_count_every_image_once() -> None:
    recorded = made_up(moves={"attacked": np.zeros(N_SITES)})
    decoders = fit_decoders(recorded, seed=0, place="here")
    table = category_rows(decoders, decode_pairs(recorded, decoders, n=2))
    clean = table["kind"] == "clean"
    assert table["n_stimuli"][clean].tolist() == [N_EACH] * N_CATEGORIES
    assert table["n_stimuli"][~clean].sum() == N_ANCHORS
    weighted = (table["accuracy"] * table["n_stimuli"])[clean].sum() / (N_EACH * N_CATEGORIES)
    assert weighted == pytest.approx(decoders.cross_validated.mean())


def test_a_table_without_rows_keeps_its_types() -> None:
    empty = as_arrays([], DECODING)
    assert {name: column.dtype.kind for name, column in empty.items()}["kind"] == "U"
    assert empty["truth"].dtype == np.bool_


def test_images_of_one_category_alone_are_said_plainly() -> None:
    recorded = made_up()
    recorded.stimuli.category[:] = "same"
    with pytest.raises(
        StudyError, match="place: expected clean images, besides the anchors, of at least two categories"
    ):
        fit_decoders(recorded, seed=0, place="place")
