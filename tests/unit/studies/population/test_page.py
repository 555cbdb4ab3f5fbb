"""The page says what was found, that a simulation is one, and what a study does not allow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.tables import as_arrays, read_table
from closedloop.errors import StudyError
from closedloop.studies.files import write_both
from closedloop.studies.places import check_places
from closedloop.studies.population.decoding import clean_pairs, decode_pairs, fit_decoders
from closedloop.studies.population.documents import BY_CATEGORY, DECODING, REDUNDANCY, SEALED, PopulationStudy
from closedloop.studies.population.measure import MeasuredPopulation
from closedloop.studies.population.page import population_page
from closedloop.studies.population.tables import (
    category_rows,
    decoding_rows,
    redundancy_rows,
    squares_moved,
)
from tests.unit.studies.population.subject import N_SITES, made_up

SEALED_ROW = dict.fromkeys(SEALED.columns, 0.25) | {"kind": "population", "epsilon": 10.0, "n_stimuli": 40}


def measured(*kinds: str, truth: bool = False) -> MeasuredPopulation:
    recorded = made_up(moves=dict.fromkeys(kinds, np.full(N_SITES, 1.5)))
    decoders = fit_decoders(recorded, seed=0, place="here")
    pairs = decode_pairs(recorded, decoders, n=2)
    rows = decoding_rows(pairs, squares_moved(pairs), truth=False, n_sites=N_SITES)
    rows += [row | {"truth": True, "accuracy": 0.123} for row in rows] if truth else []
    document = PopulationStudy(
        simulated=True,
        code_version="0",
        seed=0,
        study="a study",
        subject="nobody",
        protocol="smoke",
        days=(0,),
        n_sites=N_SITES,
        categories=decoders.categories,
        n_taught=120,
        shrinkage=0.1,
        n_repetitions=2,
        n_left_out=3,
        accuracy=0.9,
        accuracy_low=0.8,
        accuracy_high=0.95,
        chance=0.25,
        chance_low=0.2,
        chance_high=0.3,
        truth=truth,
    )
    return MeasuredPopulation(
        document,
        as_arrays(rows, DECODING),
        as_arrays(redundancy_rows(pairs, clean_pairs(recorded, decoders, seed=0), decoders), REDUNDANCY),
        category_rows(decoders, pairs),
        as_arrays([SEALED_ROW] if "population" in kinds else [], SEALED),
    )


def page(found: MeasuredPopulation) -> str:
    return population_page(found, command="closedloop studies population").decode()


def test_attacks_on_the_decoder_stand_beside_those_on_sites_and_the_sources_sentences() -> None:
    text = page(measured("attacked", "population", "population_noise"))
    wanted = ("attacks on single sites", "attacks on the decoder", "noise of their norm", "error-correction mechanism")
    wanted += (
        "Population level robustness",
        "Redundancy",
        "By the decoder that was sealed",
        "3 presentations left out",
    )
    for said in wanted:
        assert said in text
    assert "Simulated truth" not in text
    assert "shows no attacks on the decoder" not in text


def test_truth_stands_in_a_section_that_says_so() -> None:
    text = page(measured("attacked", truth=True))
    assert "Simulated truth" in text
    assert "0.12 [" in text.split("Simulated truth")[1]
    assert "0.12 [" not in text.split("Simulated truth")[0]


def test_a_study_without_attacks_on_a_decoder_is_told_which_protocol_has_them() -> None:
    assert "protocols/population.yaml" in page(measured("attacked"))


def test_a_study_without_changed_images_still_has_a_page() -> None:
    text = page(measured())
    assert "no changed image that can be decoded" in text
    assert "No changed image was shown often enough" in text


def test_what_is_at_chance_is_said() -> None:
    found = measured("attacked")
    document = found.document.model_copy(update={"accuracy_low": 0.1})
    assert "no better than by chance" in page(replace(found, document=document))


def test_the_same_numbers_give_the_same_page_read_back_from_their_files(tmp_path: Path) -> None:
    found = measured("attacked", "population")
    tables = {"decoding": DECODING, "redundancy": REDUNDANCY, "by_category": BY_CATEGORY, "sealed": SEALED}
    for name, layout in tables.items():
        write_both(tmp_path / f"{name}.parquet", layout, getattr(found, name), simulated=True)
    again = replace(found, **{name: read_table(tmp_path / f"{name}.parquet", one) for name, one in tables.items()})
    assert page(again) == page(found)


def test_a_folder_that_is_no_study_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"expected a study folder, found no study\.json"):
        check_places(tmp_path / "out", workers=None, study=tmp_path)
    assert not (tmp_path / "out").exists()
