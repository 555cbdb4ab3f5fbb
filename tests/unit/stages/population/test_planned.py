"""Attacks on a decoder in a protocol and in a day's plan: counted, shown, never fitted, and nothing without them."""

from __future__ import annotations

from typing import Any

import pytest

from closedloop.artifacts.day.population.kinds import POPULATION, POPULATION_NOISE
from closedloop.artifacts.day_use import control_rows, decoder_rows, fitted_rows, population_rows
from closedloop.artifacts.protocol.protocol import presentations_of, protocol_sha256
from closedloop.artifacts.protocol.rounds import protocol_of_session
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.errors import ProtocolError
from closedloop.stages.plan import PlannedRows, plan_rows
from tests.unit.days import image_queue, pixels, protocol, stimulus, stimulus_columns

POPULATION_OF_4 = {"n_images": 4, "epsilons": [2.5, 10.0], "repetitions": 3, "first_day": 2}


def planned(day: int, **population: Any) -> PlannedRows:
    asked = protocol(population=POPULATION_OF_4 | population)
    queue = image_queue(day, clean=8, anchors=6, normalizers=2)
    return plan_rows(queue, asked, sites=(0, 1), seed_of=lambda *_names: 0, was_shown=lambda _attack: False)


def test_each_image_is_attacked_at_every_epsilon_and_has_noise_beside_each() -> None:
    rows = planned(2).population
    of_kind = [[(row["image_id"], row["epsilon"]) for row in rows if row["kind"] == kind] for kind in
               (POPULATION, POPULATION_NOISE)]  # fmt: skip
    assert of_kind[0] == of_kind[1] == [(f"anchor-{place}", epsilon) for place in range(4) for epsilon in (2.5, 10.0)]
    assert {row["role"] for row in rows} == {"anchor"}
    assert {row["site_index"] for row in rows} == {-1}
    assert len({row["item_id"] for row in rows}) == 16


def test_fresh_images_may_be_attacked_in_their_place() -> None:
    rows = planned(2, images="fresh").population
    assert {row["image_id"] for row in rows} == {f"clean-2-{place}" for place in range(4)}
    assert {row["role"] for row in rows} == {"clean"}


def test_before_their_first_day_there_are_none_and_the_days_before_are_shorter() -> None:
    assert planned(1).population == []
    more = planned(2).n_presentations - planned(1).n_presentations
    assert more == 2 * 4 * 2 * 3
    asked = protocol(population=POPULATION_OF_4)
    assert presentations_of(asked, 2) - presentations_of(asked, 1) == more


def test_a_protocol_without_them_is_what_it_was() -> None:
    assert protocol_sha256(protocol()) == protocol_sha256(protocol(population={"n_images": 0}))
    assert protocol_sha256(protocol()) != protocol_sha256(protocol(population=POPULATION_OF_4))


def test_of_a_day_of_rounds_only_the_one_that_measures_has_them() -> None:
    asked = protocol(population=POPULATION_OF_4).model_copy(update={"rounds": 2})
    numbers = [protocol_of_session(asked, day=2, number=number).population.n_images for number in (1, 2)]
    assert numbers == [0, 4]


@pytest.mark.parametrize(
    ("population", "says"),
    [
        ({"n_images": 7}, r"population.n_images: expected at most images.anchors \(6 in a session\)"),
        ({"n_images": 31, "images": "fresh"}, "expected at most images.clean_per_day"),
        ({"n_images": 1, "first_day": 0}, "first_day: expected 1 or later"),
        ({"n_images": 1, "epsilons": [10.0, 2.5]}, "expected ascending values"),
    ],
)
def test_what_cannot_be_is_refused(population: dict[str, Any], says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        protocol(population=population)


def test_they_are_never_fitted_and_are_no_control_and_a_decoder_is_taught_by_fresh_images_alone() -> None:
    rows = [
        stimulus("clean", "clean", 0),
        stimulus("clean", "single", 1),
        stimulus("clean", "anchor", 2),
        stimulus("clean", "normalizer", 3),
        *(stimulus(kind, "clean", 0, epsilon=2.5) for kind in (POPULATION, POPULATION_NOISE)),
        *(stimulus(kind, "anchor", 2, epsilon=2.5) for kind in (POPULATION, POPULATION_NOISE)),
    ]
    stimuli = StimulusSet(stimulus_columns(rows), pixels(len(rows)))
    assert fitted_rows(stimuli).tolist() == [0, 1]
    assert decoder_rows(stimuli).tolist() == [0, 1]
    assert control_rows(stimuli).tolist() == []
    assert population_rows(stimuli).tolist() == [4, 5, 6, 7]
