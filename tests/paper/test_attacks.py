"""How attacks are searched: sections 3.1 (sites) and 3.2 (artificial units) of Guo et al. 2022.

The model under attack writes down every image at which its gradient was taken, so that what is checked is what was
done and not what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.readout import FactorisedReadout
from closedloop.stages.from_protocol.attack import method_of
from closedloop.studies.unit_sensitivity.settings import PAPER as UNITS

PAPER = read_protocol(Path(__file__).parents[2] / "protocols" / "guo2022.yaml")
SIDE_PX = 28  # an eighth of 224: epsilon's radius is an eighth of it, too
RADIUS = 2.5 / 8
GREY = np.full((1, SIDE_PX, SIDE_PX, 3), 128, dtype=np.uint8)
CLEAN = GREY[0].astype(np.float64) / 255
N_FOR_BYTES = 2  # gradients in each direction that put what was found on eight bits
ITEM = AttackItem("an item", 0, 0, 2.5)


class Recorder(nn.Module):
    """One response from w . (x - clean), and a note of each x at which its gradient is taken."""

    def __init__(self, response: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.response = response
        draw = torch.randn(3, SIDE_PX, SIDE_PX, generator=torch.Generator().manual_seed(4))
        self.register_buffer("direction", draw / draw.norm())
        self.seen: list[NDArray[np.float64]] = []
        self.responses: list[float] = []

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, 3, height, width) to (n, 1)."""
        moved = ((images - 128 / 255) * self.get_buffer("direction")).sum(dim=(1, 2, 3))
        responses = self.response(moved)
        if images.requires_grad:
            self.seen.append(images[0].detach().double().numpy())  # the rest fills the batch up
            self.responses.append(float(responses[0].detach()))
        return responses[:, None]

    @property
    def deltas(self) -> NDArray[np.float64]:
        """Perturbations at which the search took a gradient, up and down, (2, n_gradients, n_pixels)."""
        both = np.stack(self.seen).reshape(2, len(self.seen) // 2, -1) - 128 / 255
        return both[:, :-N_FOR_BYTES]

    @property
    def w(self) -> NDArray[np.float64]:
        return self.get_buffer("direction").double().numpy().ravel()


def attack(model: Recorder, method: Method, folder: Path) -> SynthesisResult:
    """Attack one item in this process, one image at a time, without steps on the lattice."""
    source = InMemory(model.eval(), "recorder")
    lattice = LatticeSettings(steps=0)
    return synthesize(source, [ITEM], GREY, method=method, lattice=lattice, batch_size=1, shard_folder=folder)


def step_sizes(deltas: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve every step d' = c (d + s w) for s, (n_gradients - 1,): the projection's c is what w's complement tells."""
    along = deltas @ w
    across = np.linalg.norm(deltas - along[:, None] * w, axis=1)
    return along[1:] * across[:-1] / across[1:] - along[:-1]


def slope_one(moved: Tensor) -> Tensor:
    return moved


def no_progress(moved: Tensor) -> Tensor:
    """Return 0 everywhere with a gradient of w: no step ever gains."""
    return moved - moved.detach()


def test_a_site_is_attacked_for_100_steps_of_a_third_of_epsilon_in_each_direction(tmp_path: Path) -> None:
    """Section 3.1: "PGD with random starts, 100 steps and step size = epsilon/3", once up and once down."""
    model = Recorder(slope_one)
    attack(model, method_of(PAPER.attack), tmp_path)
    assert model.deltas.shape[:2] == (2, 100)
    for deltas, sign in zip(model.deltas, (1, -1), strict=True):
        # Later the iterate lies along w and its complement is rounding alone.
        np.testing.assert_allclose(step_sizes(deltas, model.w)[:12], sign * RADIUS / 3, rtol=1e-3)


def test_no_iterate_leaves_the_ball_of_epsilon_scaled_to_the_images_side(tmp_path: Path) -> None:
    """Section 2: epsilon is an L2 norm on 224 px; at 28 px the same change of each pixel has an eighth of it."""
    model = Recorder(slope_one)
    attack(model, method_of(PAPER.attack), tmp_path)
    norms = np.linalg.norm(model.deltas, axis=-1)
    assert norms.max() <= RADIUS * (1 + 1e-5)
    np.testing.assert_allclose(norms[:, -1], RADIUS, rtol=1e-5)
    per_pixel = np.sqrt(np.mean(model.deltas[0, -1] ** 2))
    assert per_pixel == pytest.approx(2.5 / np.sqrt(224 * 224 * 3), rel=1e-5)


def test_the_start_is_random_and_another_one_for_the_other_direction(tmp_path: Path) -> None:
    """Section 3.1: "random starts". Uniform in a ball of 2352 dimensions, nearly all lie near its surface."""
    model = Recorder(slope_one)
    attack(model, method_of(PAPER.attack), tmp_path)
    up, down = model.deltas[:, 0]
    assert 0.9 * RADIUS < np.linalg.norm(up) <= RADIUS
    assert abs(up @ down) / RADIUS**2 < 5 / np.sqrt(up.size)


def test_the_ascent_is_that_of_the_papers_losses(tmp_path: Path) -> None:
    """Section 3.1: MSE(r, 1000) and MSE(r, -1000).

    Minus the gradient of (r - 1000)^2 is 2 (1000 - r) dr: the direction of dr while r < 1000, and of -dr for -1000;
    a step of fixed length does not know the factor. So the two attacks go along w and against it.
    """
    model = Recorder(slope_one)
    attack(model, method_of(PAPER.attack), tmp_path)
    for response in (-50.0, 0.0, 999.0):
        r = torch.tensor(response, requires_grad=True)
        for target, sign in ((1000.0, 1), (-1000.0, -1)):
            (gradient,) = torch.autograd.grad((r - target) ** 2, r)
            assert np.sign(-float(gradient)) == sign
    np.testing.assert_allclose(model.deltas[:, -1] @ model.w, [RADIUS, -RADIUS], rtol=1e-4)


@pytest.mark.parametrize(("steeper", "direction"), [("up", 1), ("down", -1)])
def test_of_both_directions_the_larger_predicted_change_is_kept(tmp_path: Path, steeper: str, direction: int) -> None:
    """Section 3.1: "pick whichever one resulted in the largest predicted magnitude of neural perturbation"."""

    def bent(moved: Tensor) -> Tensor:
        return torch.where((moved > 0) == (steeper == "up"), 2 * moved, moved)

    result = attack(Recorder(bent), method_of(PAPER.attack), tmp_path)
    assert result.direction.tolist() == [direction]
    assert np.sign(result.predicted_change).tolist() == [direction]
    assert abs(result.predicted_change[0]) == pytest.approx(2 * RADIUS, rel=0.02)  # on eight bits


def test_epsilons_are_the_papers() -> None:
    """Section 2 and Figures 1 and 2: 1, 2.5, 5 and 10."""
    assert PAPER.attack.epsilons == (1.0, 2.5, 5.0, 10.0)
    assert PAPER.images.side_px == 224


def test_the_readout_of_21_sites_is_channel_times_space_from_a_standard_normal() -> None:
    """Section 3.1: w_c ~ N(0, 1) and w_s ~ N(0, 1), factorised; layer 4.0 of a ResNet-50 is 2048 x 7 x 7 at 224 px."""
    readout = FactorisedReadout(n_sites=PAPER.sites.n_sites, feature_shape=(2048, 7, 7), seed=1)
    assert (readout.channel.shape, readout.spatial.shape) == ((21, 2048), (21, 7, 7))
    for weights in (readout.channel, readout.spatial):
        assert stats.kstest(weights.detach().numpy().ravel(), "norm").pvalue > 0.01
    features = torch.randn(2, 2048, 7, 7, generator=torch.Generator().manual_seed(2))
    by_hand = np.einsum(
        "nchw,sc,shw->ns", *(x.detach().double().numpy() for x in (features, readout.channel, readout.spatial))
    )
    np.testing.assert_allclose(readout(features).detach().numpy(), by_hand, rtol=1e-3, atol=1e-2)


def test_units_get_100_starts_of_which_the_best_is_kept(tmp_path: Path) -> None:
    """Section 3.2: "the best out of 100 independent runs"; here three, on a response with many local optima."""
    assert UNITS.restarts == 100
    n_starts, n_steps = 3, 20
    model = Recorder(lambda moved: moved + torch.sin(600 * moved) / 10)
    result = attack(model, Method(replace(UNITS, restarts=n_starts, steps=n_steps)), tmp_path)
    shape = (2, n_starts, 2 * n_steps)  # direction, start, gradient
    inside = np.linalg.norm(model.deltas, axis=-1).reshape(shape) <= RADIUS * (1 + 1e-5)
    responses = np.reshape(model.responses, (2, -1))[:, :-N_FOR_BYTES].reshape(shape)
    sign = result.direction[0]
    best = np.where(inside, sign * responses, -np.inf)[0 if sign > 0 else 1].max(axis=-1)
    assert len(set(best.round(4).tolist())) == n_starts
    assert sign * result.predicted_change_float[0] == pytest.approx(best.max(), abs=1e-5)


def test_units_are_attacked_in_the_ball_of_two_epsilon_and_then_in_that_of_epsilon(tmp_path: Path) -> None:
    """Section 3.2: "250 steps of projected gradient descent first with a ball of radius 2 epsilon and finally with one
    of radius epsilon"."""
    assert UNITS.steps == 250
    n = 12
    model = Recorder(slope_one)
    attack(model, Method(replace(UNITS, restarts=1, steps=n)), tmp_path)
    norms = np.linalg.norm(model.deltas, axis=-1).reshape(2, 2, n)  # direction, ball, step
    assert norms[:, 0].max() == pytest.approx(2 * RADIUS, rel=1e-5)
    assert norms[:, 1].max() == pytest.approx(RADIUS, rel=1e-5)
    assert norms[:, 0, 0].min() > 1.8 * RADIUS  # the start is in the wide ball


def test_units_steps_begin_at_epsilon_and_shrink_by_a_tenth_after_no_progress_up_to_four_times_over(
    tmp_path: Path,
) -> None:
    """Section 3.2: "steps of size epsilon and reduce them by 10% every time no progress is made. This schedule is
    repeated up to 4 times". The unit here never gains; the floor at which a schedule ends is this project's choice.
    """
    model = Recorder(no_progress)
    attack(model, Method(replace(UNITS, restarts=1)), tmp_path)
    schedule = 0.9 ** np.arange(np.ceil(np.log(UNITS.floor) / np.log(0.9)))
    # In each of two balls the first schedule, four repetitions, and the gradient after the last step.
    assert model.deltas.shape[1] == 2 * (5 * len(schedule) + 1)
    for deltas in model.deltas:
        sizes = np.abs(step_sizes(deltas, model.w)) / RADIUS
        # After two schedules the iterate lies along w and its complement is rounding alone.
        np.testing.assert_allclose(sizes[: 2 * len(schedule)], np.tile(schedule, 2), rtol=0.03)
