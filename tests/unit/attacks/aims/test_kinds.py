from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from closedloop.attacks.aims.kinds import Aim, Alone, Along, AtLevel, Controversial, Drive, Pattern
from closedloop.attacks.aims.side_by_side import OutputsSideBySide
from closedloop.attacks.aims.together import objective_of
from closedloop.attacks.balls import L2, Anywhere, Ball, LInf
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.attacks.synthesis.synthesize import synthesize
from tests.unit.attacks.aims.linear import N_SITES, PER_EPSILON, SIDE, Linear, flat_weights, grey_images, responses

torch.set_num_threads(1)

CPU = torch.device("cpu")
EPSILON = 20.0
RADIUS = EPSILON * PER_EPSILON


def found(
    folder: Path,
    aims: list[Aim],
    *,
    model: torch.nn.Module | None = None,
    ball: Ball = L2(),  # noqa: B008 - frozen
    epsilon: float = EPSILON,
    batch_size: int = 8,
    directions: tuple[int, ...] = (+1,),
) -> SynthesisResult:
    return synthesize(
        InMemory(Linear().eval() if model is None else model, "linear"),
        [AttackItem(f"item {place}", place % 3, 0, epsilon, aim) for place, aim in enumerate(aims)],
        grey_images(),
        method=Method(COSINE, ball=ball),
        lattice=LatticeSettings(steps=4),
        directions=directions,
        shard_folder=folder,
        batch_size=batch_size,
    )


def change(made: SynthesisResult) -> NDArray[np.float64]:
    """Return the changes of the bytes, in [0, 1], (n_items, n_values)."""
    clean = grey_images()[np.arange(len(made.attacked)) % 3].astype(float)
    return np.asarray((np.asarray(made.attacked) - clean).reshape(len(clean), -1) / 255)


def cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_a_direction_of_the_population_is_climbed_along_the_weighted_sum_of_weights(tmp_path: Path) -> None:
    weights = (0.5, -0.25, 0.0, 1.0)

    made = found(tmp_path, [Along(weights)])

    best = np.array(weights) @ flat_weights(Linear())
    assert cosine(change(made)[0], best) > 0.99
    assert made.predicted_change[0] == pytest.approx(RADIUS * np.linalg.norm(best), rel=0.01)


def test_two_models_part_along_the_difference_of_their_weights(tmp_path: Path) -> None:
    models = [Linear(0), Linear(1)]
    both = OutputsSideBySide(models).eval()

    made = found(tmp_path, [Controversial(2, N_SITES + 2)], model=both)

    best = flat_weights(models[0])[2] - flat_weights(models[1])[2]
    assert cosine(change(made)[0], best) > 0.99
    assert made.predicted_change[0] == pytest.approx(RADIUS * np.linalg.norm(best), rel=0.01)


def test_one_model_rises_across_the_other_where_that_one_is_held(tmp_path: Path) -> None:
    models = [Linear(0), Linear(1)]
    models[1].weights += 0.5 * models[0].weights  # so that the two go together
    both = OutputsSideBySide(models).eval()
    held = float(responses(both, grey_images())[0, N_SITES])

    made = found(tmp_path, [Controversial(0, N_SITES, held=held)], model=both)

    raised, other = flat_weights(models[0])[0], flat_weights(models[1])[0]
    across = raised - other * (raised @ other) / (other @ other)
    assert cosine(change(made)[0], across) > 0.99
    moved = responses(both, np.asarray(made.attacked))[0] - responses(both, grey_images())[0]
    assert abs(moved[N_SITES]) < 0.1
    assert moved[0] == pytest.approx(RADIUS * np.linalg.norm(across), rel=0.02)


def test_a_pattern_within_reach_is_met_by_all_its_sites(tmp_path: Path) -> None:
    target = responses(Linear(), grey_images())[0] + [0.4, -0.3, np.nan, 0.2]

    made = found(tmp_path, [Pattern(tuple(target))], epsilon=60.0)

    answers = responses(Linear(), np.asarray(made.attacked))[0]
    assert answers[[0, 1, 3]] == pytest.approx(target[[0, 1, 3]], abs=0.05)


def test_one_site_alone_rises_while_the_mean_of_the_others_falls(tmp_path: Path) -> None:
    alone, driven = (
        found(tmp_path / type(aim).__name__, [aim]) for aim in (Alone(1, among=tuple(range(N_SITES))), Drive(1))
    )

    clean = responses(Linear(), grey_images())[0]
    moved, freely = (responses(Linear(), np.asarray(one.attacked))[0] - clean for one in (alone, driven))
    others = [0, 2, 3]
    assert moved[1] > 0.5 * freely[1] > 0
    assert moved[others].mean() < freely[others].mean() - 0.3


def test_the_share_of_one_site_is_scipys_log_softmax() -> None:
    from scipy.special import log_softmax

    answers = torch.tensor([[0.5, -1.0, 2.0, 0.1], [1.0, 1.0, 3.0, 9.0]])

    objective = objective_of([Alone(2, among=(0, 1, 2, 3)), Alone(0, among=(0, 2))], CPU)

    expected = [log_softmax(answers[0].numpy())[2], log_softmax(answers[1, [0, 2]].numpy())[0]]
    assert objective.value(answers, torch.tensor([0, 1])).tolist() == pytest.approx(expected, rel=1e-6)


def test_items_of_several_kinds_share_a_batch_and_each_counts_by_its_own() -> None:
    aims: list[Aim] = [Drive(1), Along((1.0, 1.0)), AtLevel(0, 2.0, 0.1), Pattern((1.0, 1.0))]

    answers = torch.tensor([[3.0, 4.0]]).expand(5, 2)
    values = objective_of(aims, CPU).value(answers, torch.tensor([3, 1, 0, 2, 1]))

    assert values.tolist() == [-6.5, 7.0, 4.0, 3.0, 7.0]


def test_kinds_mixed_in_a_call_are_found_as_alone_whatever_the_batch(tmp_path: Path) -> None:
    clean = responses(Linear(), grey_images())
    aims: list[Aim] = [
        *(Drive(1), Along((1.0, 1.0, 0.0, 0.0)), AtLevel(0, float(clean[2, 0]) + 1, 0.01)),
        *(Pattern((1.0, np.nan, 0.5, 0.0)), Alone(3, among=(0, 1, 2, 3)), Controversial(0, 1)),
    ]

    together, in_ones = (found(tmp_path / str(size), aims, batch_size=size) for size in (64, 1))

    assert np.array_equal(together.attacked, in_ones.attacked)
    assert np.array_equal(together.predicted_attacked, in_ones.predicted_attacked)


def test_an_item_without_an_aim_is_the_item_that_drives_its_site(tmp_path: Path) -> None:
    items = [AttackItem("one", 0, 2, EPSILON, aim) for aim in (None, Drive(2))]

    bare, stated = (
        synthesize(
            InMemory(Linear().eval(), "linear"),
            [item],
            grey_images(),
            method=Method(COSINE),
            shard_folder=tmp_path / str(place),
        )
        for place, item in enumerate(items)
    )

    assert np.array_equal(bare.attacked, stated.attacked)
    assert bare.direction == stated.direction


def test_without_a_ball_a_site_is_driven_to_the_corner_of_the_box(tmp_path: Path) -> None:
    made = found(tmp_path, [Drive(0)], ball=Anywhere(), epsilon=3000.0)

    corner = np.where(flat_weights(Linear())[0] > 0, 255, 0)
    assert np.mean(np.asarray(made.attacked)[0].ravel() == corner) > 0.95


def test_in_a_cube_every_value_moves_by_whole_levels_as_far_as_it_may(tmp_path: Path) -> None:
    made = found(tmp_path, [Drive(0)], ball=LInf(), epsilon=0.05)

    moved = np.rint(change(made)[0] * 255)
    assert np.abs(moved).max() == int(0.05 * 255)
    assert np.mean(moved == int(0.05 * 255) * np.sign(flat_weights(Linear())[0])) > 0.99


def test_one_that_is_not_among_those_that_count_is_refused() -> None:
    with pytest.raises(ValueError, match="output 3 itself"):
        Alone(3, among=(0, 1))


def test_outputs_of_models_side_by_side_keep_their_order() -> None:
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))

    models = [Linear(0), Linear(1)]

    assert torch.equal(OutputsSideBySide(models)(images)[:, N_SITES:], models[1](images))
