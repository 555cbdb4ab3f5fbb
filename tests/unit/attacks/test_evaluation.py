"""Memory that does not suffice, precision, and how many images go at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from closedloop.attacks.balls import radius_at
from closedloop.attacks.engine.batch_size import (
    choose_batch_size,
    fastest_batch,
    fit_batch,
    free_bytes,
    left_to_group,
    measure_cost,
)
from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.objectives import SignedResponse
from closedloop.attacks.precision import Precision, chosen_precision, exactly
from closedloop.attacks.problem import ImageSource, Method, Problem, from_bytes
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.both_directions import attacks
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.sources import units_file
from closedloop.attacks.synthesis.work import Work
from closedloop.errors import ExecutionError
from tests.unit.attacks.sources import SIDE, Curved

torch.set_num_threads(1)

CPU = torch.device("cpu")


class Narrow(nn.Module):
    """A model on a device with room for some images."""

    def __init__(self, room: int, error: Exception) -> None:
        super().__init__()
        self.inner, self.room, self.error = Curved(), room, error
        self.asked: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.asked.append(len(images))
        if len(images) > self.room:
            raise self.error
        return self.inner(images)


CLEAN = torch.rand(13, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def deltas(
    model: nn.Module, *, batch_size: int, images: ImageSource = lambda places: CLEAN[list(places)]
) -> list[Tensor]:
    problem = Problem(model.eval(), images, SignedResponse(torch.arange(13) % 3, torch.ones(13)))
    tasks = [Task(row, row, (0.3,), row) for row in range(13)]
    found = find(problem, tasks, method=Method(replace(COSINE, steps=3)), batch_size=batch_size)
    return [one.delta for one in sorted(found, key=lambda one: one.task.row)]


def found_by(model: nn.Module, *, batch_size: int) -> list[tuple[bytes, float, float, int]]:
    """Attacks in both directions, on the lattice, with a few tasks more than there are slots."""
    pixels = np.random.default_rng(3).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)
    items = [AttackItem(f"{image} {site}", image, site, 5.0) for image in range(4) for site in range(2)]
    work = Work(items, pixels, Method(replace(COSINE, steps=3)), LatticeSettings(steps=1), (+1, -1), CPU)
    found = dict(attacks(model.eval(), work, batch_size=batch_size))
    rows = [found[place] for place in range(len(items))]
    return [(one.attacked.tobytes(), one.predicted_attacked, one.lattice_bound, one.n_gradients) for one in rows]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_where_memory_is_short_the_batch_is_halved_for_good_and_nothing_else_changes(error: Exception) -> None:
    narrow = Narrow(room=5, error=error)
    expected = deltas(Curved(), batch_size=13)
    assert all(torch.equal(a, b) for a, b in zip(deltas(narrow, batch_size=13), expected, strict=True))
    assert [n for n in narrow.asked if n > 5] == [16, 8]


def test_too_little_memory_for_a_few_images_is_one_line_with_a_remedy() -> None:
    with pytest.raises(ExecutionError, match="Free some"):
        deltas(Narrow(room=0, error=MemoryError()), batch_size=8)


def test_an_error_that_is_not_about_memory_arrives_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"):
        deltas(Narrow(room=0, error=RuntimeError("shapes differ")), batch_size=8)


class Interrupted(nn.Module):
    """A model on a device whose memory somebody else has for two calls on end: halving a batch once is not enough."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self.inner, self.first, self.n_calls = Curved(), first, 0

    def forward(self, images: Tensor) -> Tensor:
        self.n_calls += 1
        if self.first <= self.n_calls < self.first + 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.inner(images)


def test_memory_that_goes_away_on_the_way_costs_nothing_that_was_found() -> None:
    calm = Interrupted(first=10**9)
    expected = found_by(calm, batch_size=8)
    for first in range(1, calm.n_calls + 1):
        disturbed = Interrupted(first)
        assert found_by(disturbed, batch_size=8) == expected, first
        assert disturbed.n_calls > calm.n_calls


def test_starts_that_have_no_room_wait() -> None:
    asked = []

    def images(places: Sequence[int]) -> Tensor:
        asked.append(len(places))
        if len(places) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return CLEAN[list(places)]

    few = deltas(Curved(), batch_size=13, images=images)
    assert all(torch.equal(a, b) for a, b in zip(few, deltas(Curved(), batch_size=13), strict=True))
    assert asked[:3] == [13, 6, 4]
    assert sum(n for n in asked if n <= 5) == 13


def test_starts_for_which_there_is_no_room_at_all_are_one_line() -> None:
    def images(_places: Sequence[int]) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ExecutionError, match="Free some"):
        deltas(Curved(), batch_size=13, images=images)


@pytest.mark.parametrize(
    ("fastest", "cost", "free", "n_sharing", "expected"),
    [(32, 1.0, 1000, 1, 32), (1024, 1.0, 1000, 1, 512), (1024, 1.0, 1000, 4, 128), (32, 1e9, 1000, 1, 1)],
)
def test_the_batch_is_the_largest_power_of_two_that_fits(
    fastest: int, cost: float, free: int, n_sharing: int, expected: int
) -> None:
    assert fit_batch(fastest, cost=cost, free=free, n_sharing=n_sharing) == expected


def test_the_cost_of_an_image_is_at_least_what_its_activations_take() -> None:
    class Wide(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.tanh(images.repeat(1, 200, 1, 1)).flatten(1)  # 600 planes that a gradient must keep

    side = 64
    cost = measure_cost(Wide().eval(), (side, side), device=CPU, method=Method())
    assert 600 * side**2 * 4 < cost < 20 * 600 * side**2 * 4


def test_a_container_s_limit_counts_and_without_one_there_is_none(tmp_path: Path) -> None:
    assert left_to_group(tmp_path) > 1 << 60
    (tmp_path / "memory.current").write_text("300\n")
    for limit, left in (("1000\n", 700), ("max\n", left_to_group(tmp_path / "none"))):
        (tmp_path / "memory.max").write_text(limit)
        assert left_to_group(tmp_path) == left


def test_a_processor_takes_few_large_images_and_more_small_ones() -> None:
    assert fastest_batch((224, 224), CPU) < fastest_batch((32, 32), CPU)
    assert choose_batch_size(7, nn.Identity(), (224, 224), device=CPU, n_sharing=1, method=Method()) == 7
    assert choose_batch_size("auto", Curved().eval(), (SIDE, SIDE), device=CPU, n_sharing=1, method=Method()) == 64
    assert 0 < free_bytes(CPU) < 1 << 50


def test_automatic_precision_is_bfloat16_only_where_the_processor_has_tiles_for_it() -> None:
    flags = Path("/proc/cpuinfo").read_text()
    assert chosen_precision("auto", CPU) == ("bfloat16" if "amx_bf16" in flags else "float32")
    with pytest.raises(ValueError, match="tf32"):
        chosen_precision("tf32", CPU)


def test_tf32_is_off_where_values_are_reported_and_back_afterwards() -> None:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True
    with exactly():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = before


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["small_resnet_robust", "small_resnet_vanilla"])
def test_ascent_in_bfloat16_gains_within_two_percent_of_float32(weights: str) -> None:
    model = units_file(weights, layer="layer3.0").load(CPU)
    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 256, (8, 4, 4, 3), dtype=np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    images = from_bytes(smooth, device=CPU)
    with torch.no_grad():
        clean = model(images(range(8)))

    def gain(precision: Precision) -> float:
        problem = Problem(model, images, SignedResponse(torch.arange(8), torch.ones(8)))
        tasks = [Task(row, row, (radius_at(2.5, 32),), row) for row in range(8)]
        method = Method(replace(COSINE, steps=15), precision=precision)
        found = find(problem, tasks, method=method, batch_size=8)
        return float(np.mean([one.value - float(clean[one.task.row, one.task.row]) for one in found]))

    assert gain("bfloat16") == pytest.approx(gain("float32"), rel=0.02)
