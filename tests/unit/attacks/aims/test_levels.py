from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from closedloop.attacks.aims.kinds import AtLevel
from closedloop.attacks.aims.levels import LevelSettings
from closedloop.attacks.balls import Anywhere, LInf
from closedloop.attacks.gradients.estimators import Averaged, Blurred, Draws, Plain
from closedloop.attacks.gradients.members import EqualMembers
from closedloop.attacks.gradients.transforms import Shift
from closedloop.attacks.lattice import squared_levels
from closedloop.attacks.objectives import ValueAndGradient, ValueOf
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.execution.workers import HERE, Workers
from tests.unit.attacks.aims.linear import PER_EPSILON, Linear, flat_weights, grey_images, responses

torch.set_num_threads(1)

TOLERANCE = 0.01


def found(
    folder: Path,
    aims: list[AtLevel],
    *,
    epsilon: float = 60.0,
    method: Method = Method(COSINE),  # noqa: B008 - frozen
    batch_size: int = 8,
    workers: Workers = HERE,
) -> SynthesisResult:
    items = [AttackItem(f"item {place}", place % 3, aim.output_index, epsilon, aim) for place, aim in enumerate(aims)]
    return synthesize(
        InMemory(Linear().eval(), "linear"),
        items,
        grey_images(),
        method=method,
        directions=(+1,),
        shard_folder=folder,
        batch_size=batch_size,
        workers=workers,
        items_per_shard=3,
    )


def levels(*, change: str = "least") -> list[AtLevel]:
    clean = responses(Linear(), grey_images())
    return [
        AtLevel(site, float(clean[image, site]) + rise, TOLERANCE, "least" if change == "least" else "any")
        for rise in (-0.8, 0.5, 1.2)
        for site in range(2)
        for image in range(3)
    ]


@pytest.mark.parametrize("change", ["least", "any"])
def test_bytes_answer_within_the_tolerance_of_the_level(tmp_path: Path, change: str) -> None:
    aims = levels(change=change)

    made = found(tmp_path, aims)

    answers = responses(Linear(), np.asarray(made.attacked))[np.arange(len(aims)), [aim.output_index for aim in aims]]
    assert np.abs(answers - [aim.target for aim in aims]).max() <= TOLERANCE * 1.001
    assert made.predicted_attacked == pytest.approx(answers, abs=1e-5)


def test_the_least_change_of_a_linear_site_lies_along_its_weights(tmp_path: Path) -> None:
    aims, weights = levels(), flat_weights(Linear())

    made = found(tmp_path, aims)

    gap = made.predicted_attacked - made.predicted_clean
    length = np.abs(gap) / np.linalg.norm(weights[[aim.output_index for aim in aims]], axis=1)  # |dr| / |w|
    realised = made.realised_epsilon * PER_EPSILON
    rounding = np.sqrt(weights.shape[1] / 12) / 255  # of a twelfth of a squared level a value, at right angles to it
    assert np.all(realised >= length * 0.999)
    assert np.all(realised <= np.hypot(length, rounding) * 1.05)


def test_the_least_change_is_smaller_than_any_where_the_gradient_is_shifted(tmp_path: Path) -> None:
    method = Method(COSINE, Averaged((Shift(0.1),)))

    any_of, least = (found(tmp_path / change, levels(change=change), method=method) for change in ("any", "least"))

    assert least.realised_epsilon.mean() < 0.98 * any_of.realised_epsilon.mean()
    assert any_of.n_gradients.max() == 20
    assert least.n_gradients.max() == 40


@dataclass(frozen=True)
class WrongLength(Plain):
    """The model's gradient, many times too long or too short."""

    factor: float = 1.0

    def estimate(self, value_of: ValueOf, images: Tensor, draws: Draws) -> ValueAndGradient:
        found = super().estimate(value_of, images, draws)
        return found._replace(gradient=self.factor * found.gradient)


@pytest.mark.parametrize("factor", [30.0, 0.05])
def test_a_gradient_of_the_wrong_length_leads_to_the_level_too(tmp_path: Path, factor: float) -> None:
    aims = levels(change="any")

    made = found(tmp_path, aims, method=Method(COSINE, WrongLength(factor)))

    assert np.abs(made.predicted_attacked - [aim.target for aim in aims]).max() <= TOLERANCE * 1.001


@pytest.mark.parametrize("estimator", [Blurred(0.05), Averaged((Shift(0.1),)), Blurred(0.05, EqualMembers())])
def test_a_gradient_that_is_no_derivative_leads_to_the_level_too(tmp_path: Path, estimator: Blurred | Averaged) -> None:
    aims = levels(change="any")

    made = found(tmp_path, aims, method=Method(COSINE, estimator), epsilon=200.0)

    assert np.abs(made.predicted_attacked - [aim.target for aim in aims]).max() <= TOLERANCE * 1.001


def test_a_level_out_of_reach_ends_at_the_rim_of_the_ball_and_is_told_by_its_response(tmp_path: Path) -> None:
    clean = responses(Linear(), grey_images())
    aims = [AtLevel(0, float(clean[image, 0]) + 50, TOLERANCE) for image in range(3)]

    made = found(tmp_path, aims, epsilon=10.0)

    radius = 10 * PER_EPSILON
    most = clean[:, 0] + radius * np.linalg.norm(flat_weights(Linear())[0])
    assert np.all(made.realised_epsilon <= 10.0)
    assert made.predicted_attacked == pytest.approx(most, rel=0.05)
    assert np.all(made.predicted_attacked <= most)


def test_no_squared_norm_in_whole_levels_is_above_the_cap(tmp_path: Path) -> None:
    made = found(tmp_path, levels(), epsilon=7.0)

    clean = grey_images()[np.arange(len(made.attacked)) % 3]
    assert squared_levels(clean, np.asarray(made.attacked)).max() <= (7.0 * PER_EPSILON * 255) ** 2


def test_no_value_changes_by_more_than_a_cube_allows(tmp_path: Path) -> None:
    aims = levels(change="any")

    made = found(tmp_path, aims, epsilon=0.05, method=Method(COSINE, ball=LInf()))

    clean = grey_images()[np.arange(len(aims)) % 3].astype(int)
    assert np.abs(np.asarray(made.attacked).astype(int) - clean).max() <= int(0.05 * 255)
    assert np.abs(made.predicted_attacked - [aim.target for aim in aims]).max() <= TOLERANCE * 1.001


def test_without_a_ball_the_box_alone_bounds_a_level(tmp_path: Path) -> None:
    clean = responses(Linear(), grey_images())
    aims = [AtLevel(0, float(clean[0, 0]) + 6, TOLERANCE)]

    in_ball, anywhere = (
        found(tmp_path / name, aims, epsilon=10.0, method=Method(COSINE, ball=ball))
        for name, ball in (("in", Method().ball), ("out", Anywhere()))
    )

    assert in_ball.predicted_attacked[0] < aims[0].target - 1
    assert anywhere.predicted_attacked[0] == pytest.approx(aims[0].target, abs=TOLERANCE)


@pytest.mark.parametrize("estimator", [Plain(), Blurred(0.05, Averaged((Shift(0.1),)))])
def test_what_is_found_depends_neither_on_the_batch_nor_on_workers(tmp_path: Path, estimator: Plain | Blurred) -> None:
    aims = [*levels(), *levels(change="any")]

    results = [
        found(
            tmp_path / str(batch_size), aims, method=Method(COSINE, estimator), batch_size=batch_size, workers=workers
        )
        for batch_size, workers in ((1, HERE), (3, HERE), (64, replace(HERE, n=2)))
    ]

    for name in ("attacked", "predicted_attacked", "realised_epsilon"):
        first, *others = (np.asarray(getattr(one, name)) for one in results)
        assert all(np.array_equal(first, other) for other in others)


def test_a_level_that_is_there_already_changes_nothing(tmp_path: Path) -> None:
    clean = responses(Linear(), grey_images())

    made = found(tmp_path, [AtLevel(1, float(clean[0, 1]), TOLERANCE)])

    assert np.array_equal(made.attacked[0], grey_images()[0])


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"reach": 0}, "reach"), ({"taken_away": 1.0}, "parts of 1"), ({"step_fraction": 0.0}, "step_fraction")],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(LevelSettings(), **settings)  # type: ignore[arg-type]


def test_a_target_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite target"):
        AtLevel(0, float("nan"), TOLERANCE)
