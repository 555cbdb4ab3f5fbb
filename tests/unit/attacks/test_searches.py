"""The rules of the searches, step by step, without any image."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from closedloop.attacks.searches import ANNEALED, COSINE, SEARCHES, STRENGTHENED, Move, Schedule


def moves(search: Schedule, improved: list[bool]) -> list[Move]:
    """What one item does when its gradients improve it or not."""
    progress = search.begin(1, torch.device("cpu"))
    made = []
    for yes in improved:
        made.append(search.move(progress, torch.tensor([yes])))
        progress = made[-1].progress
    return made


def numbers(values: list[Tensor]) -> list[float]:
    return [float(value) for value in values]


def test_cosine_steps_fall_from_the_first_to_nearly_nothing() -> None:
    made = moves(replace(COSINE, steps=4, step_fraction=2.0), [True] * 4)
    expected = [1 + math.cos(math.pi * step / 4) for step in range(4)]
    assert numbers([move.step for move in made]) == pytest.approx(expected, abs=1e-6)
    assert [bool(move.done) for move in made] == [False, False, False, True]


def test_cosine_steps_may_end_at_more_than_nothing() -> None:
    made = moves(replace(COSINE, steps=4, step_fraction=2.0, last_fraction=1.0), [True] * 4)
    expected = [1.5 + math.cos(math.pi * step / 4) / 2 for step in range(4)]
    assert numbers([move.step for move in made]) == pytest.approx(expected, abs=1e-6)


def test_annealing_goes_back_and_steps_less_far_after_no_progress() -> None:
    search = replace(ANNEALED, steps=100, step_fraction=1.0, factor=0.5, floor=0.2)
    made = moves(search, [True, False, True, False, False])
    assert numbers([move.step for move in made]) == pytest.approx([1.0, 0.5, 0.5, 0.25, 0.125])
    assert [bool(move.from_best) for move in made] == [False, True, False, True, True]
    assert [bool(move.done) for move in made] == [False, False, False, False, True]


def test_a_patient_search_counts_anew_after_each_time_its_patience_ended() -> None:
    made = moves(
        replace(ANNEALED, step_fraction=1.0, factor=0.5, patience=2), [True] + [False] * 5 + [True] + [False] * 2
    )
    assert numbers([move.step for move in made]) == pytest.approx([1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125])
    assert [place for place, move in enumerate(made) if bool(move.from_best)] == [2, 4, 8]


def test_section_3_2_steps_are_epsilon_and_ten_percent_less_after_every_step_without_progress() -> None:
    made = moves(STRENGTHENED, [True, True, False, False, True, False])
    assert numbers([move.step for move in made]) == pytest.approx([1, 1, 0.9, 0.81, 0.81, 0.729])


def test_section_3_2_searches_twice_epsilon_first_and_epsilon_after_250_steps() -> None:
    search = STRENGTHENED
    made = moves(search, [True] * 500)
    assert (search.restarts, search.start_fraction) == (100, 2.0)
    assert numbers([search.ball_fraction(move.progress.phase)[0] for move in made]) == [2.0] * 249 + [1.0] * 251
    assert [place for place, move in enumerate(made) if bool(move.next_ball)] == [249]
    assert [place for place, move in enumerate(made) if bool(move.done)] == [499]
    assert float(made[249].progress.step) == 1.0  # the second ball begins a schedule of its own


def test_section_3_2_repeats_a_schedule_from_the_best_point_up_to_four_times_and_then_the_ball_is_done() -> None:
    search = replace(STRENGTHENED, factor=0.5, floor=0.2, steps=250)
    made = moves(search, [True] + [False] * 15)
    # 1, .5, .25 and at .125 < .2 the schedule begins again: every third step without progress
    again = [place for place, move in enumerate(made) if bool(move.from_best)]
    assert again == [3, 6, 9, 12]
    assert numbers([made[place].step for place in again]) == [1.0] * 4
    assert [place for place, move in enumerate(made) if bool(move.next_ball)] == [15]
    assert int(made[15].progress.annealings) == 0


def test_the_strengthened_search_takes_no_more_than_its_gradients_in_any_case() -> None:
    generator = torch.Generator().manual_seed(0)
    search = replace(STRENGTHENED, steps=30)
    for _ in range(20):
        luck = (torch.rand(61, generator=generator) < 0.5).tolist()
        made = moves(search, luck)
        done = [bool(move.done) for move in made].index(True)
        assert done <= 2 * 30 - 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: replace(COSINE, steps=0),
        lambda: replace(COSINE, step_fraction=0.0),
        lambda: replace(COSINE, step_fraction=1.0, last_fraction=1.1),
        lambda: replace(COSINE, last_fraction=-0.1),
        lambda: replace(ANNEALED, floor=2.0),
        lambda: replace(ANNEALED, factor=1.0),
        lambda: replace(STRENGTHENED, balls=(0.5, 1.0)),
        lambda: replace(STRENGTHENED, annealings=-1),
        lambda: replace(STRENGTHENED, balls=(2.0,)),
        lambda: replace(STRENGTHENED, balls=()),
        lambda: replace(COSINE, factor=0.5, floor=0.1),
        lambda: replace(STRENGTHENED, floor=1.0),
    ],
)
def test_settings_that_make_no_search_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match="found"):
        make()  # type: ignore[operator]


def test_documents_and_names_of_finished_shards_describe_a_search_as_they_always_did() -> None:
    assert [repr(search) for search in SEARCHES.values()] == [
        "Cosine(steps=100, step_fraction=1.5, last_fraction=0.0, random_start=True, restarts=1)",
        "Paper31(steps=100, step_fraction=0.3333333333333333, random_start=True, restarts=1)",
        "Annealed(steps=100, step_fraction=1.5, factor=0.7, patience=1, floor=0.01, random_start=True, restarts=1)",
        "Strengthened(restarts=100, steps=250, wide_fraction=2.0, step_fraction=1.0, factor=0.9, patience=1, "
        "floor=0.05, annealings=4)",
    ]


def test_searches_that_differ_anywhere_are_described_differently() -> None:
    changed: dict[str, object] = {
        **{"steps": 7, "step_fraction": 0.7, "random_start": False, "restarts": 3, "patience": 2},
        **{"balls": (3.0, 2.0, 1.0), "annealings": 2, "goes_back": False, "floor": 0.2, "factor": 0.4},
    }
    for search in (ANNEALED, STRENGTHENED, Schedule("own", steps=3, factor=0.5, floor=0.1, goes_back=True)):
        others = [replace(search, **{name: value}) for name, value in changed.items()]  # type: ignore[arg-type]
        assert len({repr(search), *map(repr, others)}) == len({search, *others})


def test_a_search_of_ones_own_is_a_row() -> None:
    hasty = Schedule("hasty", steps=4, step_fraction=2.0, last_fraction=1.0, balls=(2.0, 1.0))
    assert repr(hasty) == "Hasty(steps=4, step_fraction=2.0, last_fraction=1.0, balls=(2.0, 1.0))"
    made = moves(hasty, [True] * 8)
    expected = [1.5 + math.cos(math.pi * step / 4) / 2 for step in range(4)] * 2
    assert numbers([move.step for move in made]) == pytest.approx(expected, abs=1e-6)
    assert [bool(move.next_ball) for move in made] == [False] * 3 + [True] + [False] * 4
    assert [bool(move.done) for move in made] == [False] * 7 + [True]
