"""Evolving images of a session: which are planned, what they are made from, and what is said of them, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from closedloop.artifacts import catalog
from closedloop.artifacts.day.plan import PLANNED_ITEMS
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import attacked_rows, evaluated_clean_rows, fitted_rows, scaling_rows
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.protocol.evolution.section import Evolution
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import as_columns
from closedloop.stages.evolution.effects import evolution_tables
from closedloop.stages.evolution.images import MadeEvolution, make_evolution
from closedloop.stages.evolution.rows import evolution_items
from closedloop.stages.evolution.told import NaturalAnswers, ShownGeneration, ToldSoFar, read_told
from closedloop.stimuli.evolution.search import Generation
from tests.unit.days import pixels, site_table, stimulus, stimulus_columns, write_responses, write_stimuli

SECTION = Evolution(n_sites=2, images=4, components=5, parents=2, compared=3)
SITES = (2, 0, 1)
N_NATURAL = 9
INDEX_OF: dict[int, int | None] = {7: 0, 3: 2}
NATURAL = NaturalAnswers(
    pixels(N_NATURAL),
    np.array([f"image-{place}" for place in range(N_NATURAL)]),
    np.array(["c"] * N_NATURAL),
    *(2 * [{0: np.arange(N_NATURAL, dtype=float), 2: np.r_[np.nan, 7.0, np.ones(N_NATURAL - 2)]}]),
)


def planned(section: Evolution = SECTION) -> dict[str, np.ndarray]:
    rows = evolution_items(1, section, sites=SITES)
    return {name: np.array(values) for name, values in as_columns(rows, PLANNED_ITEMS).items()}


def test_the_first_sites_have_a_generation_and_where_they_are_compared_two_images_more() -> None:
    rows = planned()
    assert rows["site_index"].tolist() == [2] * 6 + [0] * 6
    assert rows["kind"].tolist() == (["evolved"] * 4 + ["evolved_mean", "evolved_natural"]) * 2
    assert rows["repetitions"].tolist() == [1, 1, 1, 1, 3, 3] * 2
    assert len(set(rows["item_id"].tolist())) == 12
    assert set(planned(SECTION.model_copy(update={"compared": 0}))["kind"]) == {"evolved"}
    assert evolution_items(0, SECTION, sites=SITES) == []


def test_the_natural_image_is_the_one_that_was_answered_most_and_its_bytes_are_shown() -> None:
    made = _made(ToldSoFar(NATURAL, (), None), first_index=20)
    table = made.table
    rows = np.flatnonzero(table["kind"] == "evolved_natural")
    assert table["image_id"][rows].tolist() == ["image-1", "image-8"]
    assert table["natural_best"][rows].tolist() == [7.0, 8.0]
    np.testing.assert_array_equal(made.images[rows], NATURAL.images[[1, 8]])
    assert table["image_index"].tolist() == list(range(20, 32))
    assert made.rows["clean_index"].tolist() == made.rows["image_index"].tolist()
    assert set(made.rows["image_id"]) == {"", "image-1", "image-8"}
    np.testing.assert_allclose(table["natural_mean"][[0, 6]], [np.nanmean(NATURAL.spikes[2]), 4.0])
    assert made.new_code is not None
    assert [file.name for file, _ in made.files] == ["evolution.parquet", "evolution.h5", "evolution_code.h5"]


def test_the_first_mean_is_that_of_the_parents_and_a_sealed_code_is_not_made_again() -> None:
    first = _made(ToldSoFar(NATURAL, (), None))
    code = first.new_code
    assert code is not None
    parents = code.encode(NATURAL.images[[8, 7]])
    weights = np.array([np.log(2.5), np.log(2.5) - np.log(2)])
    np.testing.assert_allclose(first.codes[10], weights / weights.sum() @ parents)
    np.testing.assert_array_equal(first.images[10], code.decode(first.codes[10])[0])
    shown = ShownGeneration(first.table, first.codes, {0: np.arange(12.0), 2: np.arange(12.0)})
    second = _made(ToldSoFar(NATURAL, (shown,), code))
    assert second.new_code is None
    assert second.table["generation"].tolist() == [1] * 12
    assert second.table["n_told"].tolist() == [1] * 12
    assert not (second.codes[4] == first.codes[4]).all()


def test_the_natural_image_is_chosen_among_those_with_as_many_counts_and_by_these_alone(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path)
    write_stimuli(paths, 0, [stimulus("clean", "clean", place) for place in range(4)])
    counts = np.array([[4.0, 0], [6, 0], [99, 0], [np.nan, 0], [8, 0], [5, 0], [1, 0], [1, 0], [99, 0]])
    write_responses(paths, 0, image_index=[0, 0, 1, 1, 2, 2, 3, 3, 3], counts=counts, index_of=INDEX_OF)
    natural = read_told([(Block(0), reader_of(paths))], first_day=1, with_images=[]).natural
    np.testing.assert_array_equal(natural.evenly[0], [5.0, np.nan, 6.5, 1.0])
    assert natural.best(0) == 2
    chosen = NaturalAnswers(
        NATURAL.images, NATURAL.image_id, NATURAL.category, NATURAL.spikes, {**NATURAL.spikes, 0: np.arange(9.0)[::-1]}
    )
    made = _made(ToldSoFar(chosen, (), None))
    row = np.flatnonzero((made.table["kind"] == "evolved_natural") & (made.table["site_index"] == 0))[0]
    assert (made.table["image_id"][row], made.table["natural_best"][row]) == ("image-0", 8.0)


@pytest.mark.parametrize("unanswered", [{}, {2: np.full(N_NATURAL, np.nan)}])
def test_a_site_that_answered_no_natural_image_is_left_out_and_the_others_are_made(
    unanswered: dict[int, np.ndarray],
) -> None:
    spikes = {0: NATURAL.spikes[0], **unanswered}
    told = ToldSoFar(NaturalAnswers(NATURAL.images, NATURAL.image_id, NATURAL.category, spikes, spikes), (), None)
    made = _made(told)
    assert set(made.table["site_index"]) == {0}
    assert len(made.images) == len(made.rows["item_id"]) == 6
    assert all("site-0" in name for name in made.rows["item_id"])
    nobody = ToldSoFar(NaturalAnswers(NATURAL.images, NATURAL.image_id, NATURAL.category, {}, {}), (), None)
    assert make_evolution(planned(), SECTION, nobody, first_index=5, seed_of=lambda site: site) is None


def test_after_a_lost_session_the_next_generation_is_drawn_which_it_taught_nothing(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path)
    write_stimuli(paths, 0, [stimulus("clean", "clean", place) for place in range(N_NATURAL)])
    counts = np.arange(2.0 * N_NATURAL).reshape(N_NATURAL, 2)
    write_responses(paths, 0, image_index=[*range(N_NATURAL)], counts=counts, index_of=INDEX_OF)
    natural = [(Block(0), reader_of(paths))]
    first = _made(read_told(natural, first_day=1, with_images=[]))
    folder = paths.folder("synthesize", 1)
    folder.mkdir(parents=True)
    for file, content in first.files:
        file.write(folder / file.name, content, simulated=True)
    lost = [*natural, (Block(1), reader_of(paths))]
    told = read_told(lost, first_day=1, with_images=[Block(1)], lost=[Block(1)])
    second = _made(told)
    assert second.new_code is None
    assert second.table["generation"].tolist() == [1] * 12
    assert second.table["n_told"].tolist() == [0] * 12
    evolved = second.table["kind"] == "evolved"
    assert not (second.codes[evolved] == first.codes[evolved]).any()
    np.testing.assert_array_equal(second.codes[4], first.codes[4])  # the mean stays


def _made(told: ToldSoFar, *, first_index: int = 0) -> MadeEvolution:
    made = make_evolution(planned(), SECTION, told, first_index=first_index, seed_of=lambda site: site)
    assert made is not None
    return made


def test_a_generation_is_told_by_the_counts_of_its_own_images_and_a_lost_electrode_has_none() -> None:
    table = {"site_index": np.array([2, 2, 0]), "kind": np.array(["evolved", "evolved_mean", "evolved"])}
    table["image_index"] = np.array([5, 6, 7])
    shown = ShownGeneration(table, np.eye(3), {2: np.arange(10.0)})
    own, lost = shown.of_site(2), shown.of_site(0)
    assert isinstance(own, Generation)
    assert own.responses.tolist() == [5.0]
    np.testing.assert_array_equal(own.codes, [[1.0, 0.0, 0.0]])
    assert lost is not None
    assert np.isnan(lost.responses).all()
    assert shown.of_site(1) is None


def test_natural_answers_are_mean_counts_of_fresh_clean_images_by_output(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path)
    rows = [stimulus("clean", "clean", 0), stimulus("clean", "anchor", 1), stimulus("clean", "clean", 2)]
    write_stimuli(paths, 0, rows)
    counts = np.array([[4.0, 1.0], [6.0, np.nan], [9.0, 9.0], [2.0, np.nan]])
    write_responses(paths, 0, image_index=[0, 0, 1, 2], counts=counts, index_of=INDEX_OF)
    told = read_told([(Block(0), reader_of(paths))], first_day=1, with_images=[])
    assert told.natural.image_id.tolist() == ["image-0", "image-2"]
    np.testing.assert_array_equal(told.natural.images, pixels(3)[[0, 2]])
    np.testing.assert_array_equal(told.natural.spikes[0], [5.0, 2.0])
    np.testing.assert_array_equal(told.natural.spikes[2], [1.0, np.nan])
    assert (told.shown, told.code) == ((), None)


def test_no_model_is_fitted_to_them_and_no_estimate_counts_them() -> None:
    kinds = ("evolved", "evolved_mean", "evolved_natural")
    rows = [*(stimulus(kind, "evolution", place) for place, kind in enumerate(kinds)), stimulus("clean", "clean", 3)]
    stimuli = StimulusSet(stimulus_columns(rows), pixels(4))
    for used in (fitted_rows, evaluated_clean_rows, scaling_rows):
        assert used(stimuli).tolist() == [3]
    assert attacked_rows(stimuli).tolist() == []


SHOWINGS = np.array([[30.0, 50.0, 40.0, 60.0], [20.0, 10.0, 30.0, np.nan]])
"""Of site 0: the image at the mean, and the natural one."""


def compared_day() -> tuple[DayResponses, dict[str, np.ndarray]]:
    kinds = ["evolved", "evolved", "evolved_mean", "evolved_natural", "evolved_mean", "evolved_natural"]
    stimuli = StimulusSet(
        stimulus_columns([stimulus(kind, "evolution", place) for place, kind in enumerate(kinds)]), pixels(6)
    )
    n = 4
    index = np.r_[0, 1, np.repeat([2, 3, 4, 5], n)]
    rates = np.full((len(index), 2), np.nan)
    rates[:2, 0] = 25.0, np.nan
    rates[2:10, 0] = SHOWINGS.ravel()
    rates[10:18, 1] = np.r_[np.arange(1.0, 5.0), np.arange(5.0, 9.0)]
    day = DayResponses(stimuli, site_table(1, index_of=INDEX_OF).chosen(), {"image_index": index}, rates)
    sealed = {
        "image_index": np.arange(6),
        "kind": np.array(kinds),
        "site_index": np.array([0, 0, 0, 0, 2, 2]),
        "generation": np.full(6, 3),
        "image_id": np.array(["", "", "", "image-8", "", "image-1"]),
        "natural_mean": np.array([1.0] * 4 + [0.2] * 2),
        "natural_sd": np.array([2.0] * 4 + [0.4] * 2),
    }
    return day, sealed


def test_gains_are_welchs_in_sd_of_natural_responses_and_corrected() -> None:
    day, sealed = compared_day()
    (effects_file, effects), (gains_file, gains) = evolution_tables(day, sealed, window_s=0.1, true_rates_hz=None)
    assert (effects_file, gains_file) == (catalog.EVOLUTION_EFFECTS, catalog.EVOLUTION_GAINS)
    np.testing.assert_array_equal(effects["response_hz"], [25.0, np.nan, 45.0, 20.0, 2.5, 6.5])
    assert effects["n_repetitions"].tolist() == [1, 0, 4, 3, 4, 4]
    assert effects["natural_sd_hz"].tolist() == [20.0] * 4 + [4.0] * 2
    assert np.isnan(effects["true_hz"]).all()
    assert gains["neuroid_id"].tolist() == ["array1-007", "array1-003", ""]
    np.testing.assert_allclose(gains["difference"], [25 / 20, -4 / 4, 0.125])
    np.testing.assert_allclose(gains["mean_image"][:2], [35 / 20, 0.5 / 4])
    natural = SHOWINGS[1][:3]
    test = stats.ttest_ind(SHOWINGS[0], natural, equal_var=False)
    assert gains["p"][0] == pytest.approx(test.pvalue, abs=0.02)  # whole degrees of freedom, rounded down
    assert gains["p"][0] >= test.pvalue
    assert gains["low"][0] < test.confidence_interval().low / 20
    second = stats.ttest_ind(np.arange(1.0, 5.0), np.arange(5.0, 9.0), equal_var=False)
    assert gains["p"][1] == pytest.approx(second.pvalue, rel=1e-6)
    np.testing.assert_allclose(sorted(gains["p_corrected"][:2]), sorted(_holm(gains["p"][:2])))
    over = stats.ttest_1samp([25 / 20, -1.0], 0)
    assert gains["p"][2] == pytest.approx(over.pvalue)
    np.testing.assert_allclose([gains["low"][2], gains["high"][2]], over.confidence_interval(), rtol=1e-4)


def _holm(p: np.ndarray) -> list[float]:
    low, high = sorted(p)
    return [2 * low, max(2 * low, high)]


def test_a_session_without_any_has_no_tables_and_one_that_compares_none_no_gains() -> None:
    day, sealed = compared_day()
    assert evolution_tables(day, None, window_s=0.1, true_rates_hz=None) == []
    first = {name: values[:2] for name, values in sealed.items()}
    (only,) = evolution_tables(day, first, window_s=0.1, true_rates_hz=np.arange(12.0).reshape(6, 2))
    assert only[0] is catalog.EVOLUTION_EFFECTS
    assert only[1]["true_hz"].tolist() == [0.0, 2.0]


def test_a_site_whose_electrode_is_gone_has_no_response_and_no_gain() -> None:
    day, sealed = compared_day()
    gone = sealed | {"site_index": np.array([0, 0, 0, 0, 5, 5])}
    (_, effects), (_, gains) = evolution_tables(day, gone, window_s=0.1, true_rates_hz=None)
    assert effects["neuroid_id"].tolist() == ["array1-007"] * 4 + [""] * 2
    assert np.isnan(effects["response_hz"][4:]).all()
    assert gains["neuroid_id"].tolist() == ["array1-007", ""]
    assert gains["n_sites"].tolist() == [1, 1]
