"""Attacks where they compute: the same tests on the processor, and on a CUDA device where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from closedloop.attacks.balls import radius_at
from closedloop.attacks.engine.devices import able_to_fork, has_used_cuda, own_device, own_workers, share_out
from closedloop.attacks.engine.evaluation import Evaluator, Width
from closedloop.attacks.engine.find import find_with
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.objectives import SignedResponse
from closedloop.attacks.precision import Precision
from closedloop.attacks.problem import Method, Problem
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.sources import units_file
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.execution.local import run_apart
from closedloop.execution.workers import HERE, Workers
from closedloop.models.checkpoints import open_base_model
from closedloop.models.ensemble import Disagreement, SiteEnsemble
from closedloop.models.site_model import build_site_model, freeze_for_attack
from closedloop.simulation.chosen_electrodes import model_of_electrodes
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.kinds import KINDS

torch.set_num_threads(1)

needs_cuda = pytest.mark.skipif(torch.cuda.device_count() == 0, reason="torch finds no CUDA device here")
SOURCE = units_file("small_resnet_robust", layer="layer3.0")
SIDE = 32


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, needs_cuda])])
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def photos(n: int) -> NDArray[np.uint8]:
    smooth = np.random.default_rng(5).integers(0, 256, (n, 4, 4, 3))
    return np.kron(smooth, np.ones((1, SIDE // 4, SIDE // 4, 1))).astype(np.uint8)


def attacked(folder: Path, *, device: str, workers: Workers = HERE, precision: Precision = "auto") -> SynthesisResult:
    items = [AttackItem(f"{image} {unit}", image, unit, 2.5) for image in range(3) for unit in range(4)]
    return synthesize(
        SOURCE,
        items,
        photos(3),
        method=Method(replace(COSINE, steps=5), precision=precision),
        lattice=LatticeSettings(steps=1),
        shard_folder=folder,
        workers=workers,
        device=device,
        items_per_shard=4,
    )


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-3), ("bfloat16", 0.03)])
def test_a_device_gains_what_the_processor_gains_in_float32(
    precision: Precision, tolerance: float, device: str, tmp_path: Path
) -> None:
    asked = attacked(tmp_path / "device", device=device, precision=precision).predicted_change
    expected = attacked(tmp_path / "processor", device="cpu", precision="float32").predicted_change
    assert np.abs(asked).mean() == pytest.approx(np.abs(expected).mean(), rel=tolerance)
    assert (np.sign(asked) == np.sign(expected)).mean() > 0.9


def test_several_processes_find_what_one_finds_and_leave_this_one_able_to_fork(device: str, tmp_path: Path) -> None:
    """On graphics cards this works in a process that has used none: here a forked one, whatever ran before."""

    def both() -> None:
        several = attacked(tmp_path / "several", device=device, workers=Workers("local", 2), precision="float32")
        assert not has_used_cuda()
        one = attacked(tmp_path / "one", device=device, precision="float32")
        apart = np.abs(several.predicted_change - one.predicted_change).max()
        assert apart <= (0 if device == "cpu" else 0.01 * np.abs(one.predicted_change).mean())
        assert len(list((tmp_path / "several").glob("*.npz"))) == 3

    if has_used_cuda():
        pytest.skip("this process has used a graphics card and cannot fork one that does; run this test by itself")
    run_apart(both)


def test_a_single_piece_for_several_workers_is_done_in_a_process_of_its_own(device: str, tmp_path: Path) -> None:
    if has_used_cuda():
        pytest.skip("this process has used a graphics card and cannot fork one that does; run this test by itself")

    def single() -> None:
        items = [AttackItem("0 0", 0, 0, 2.5)]
        method = Method(replace(COSINE, steps=1))
        folder = tmp_path / "shards"
        synthesize(
            SOURCE, items, photos(1), method=method, shard_folder=folder, workers=Workers("local", 2), device=device
        )
        assert not has_used_cuda()

    run_apart(single)
    assert list((tmp_path / "shards").glob("*.npz"))


@pytest.fixture
def little_memory() -> Iterator[int]:
    """A sixteenth of a card's memory at most, for this process: what is more is refused as a full card does."""
    free, whole = torch.cuda.mem_get_info()
    share = min(free, whole // 16)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(share / whole)
    yield share
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.cuda
@needs_cuda
def test_a_batch_that_no_card_has_memory_for_is_made_smaller_and_finds_the_same(little_memory: int) -> None:
    device = own_device("cuda")
    model = SOURCE.load(device)
    image_bytes = 3 * SIDE**2 * 4
    huge = 2 * little_memory // (12 * image_bytes)  # the engine alone holds some twelve images a slot
    clean = torch.rand(8, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).to(device)
    tasks = [Task(row, row % 8, (radius_at(2.5, SIDE),), row) for row in range(huge)]

    def found(n_slots: int, n_tasks: int) -> dict[int, float]:
        rows = torch.arange(huge, device=device)
        problem = Problem(model, lambda places: clean[list(places)], SignedResponse(rows % 6, 1.0 - 2.0 * (rows % 2)))
        width = Width(n_slots)
        evaluator = Evaluator(problem, Method(replace(COSINE, steps=2), precision="float32"), width)
        values = {one.task.row: one.value for one in find_with(evaluator, tasks[:n_tasks], n_slots=n_slots)}
        assert n_slots < huge or width.images < huge
        return values

    few, many = found(64, 256), found(huge, huge)
    assert len(many) == huge
    size = np.abs(list(few.values())).mean()
    assert [many[row] for row in few] == pytest.approx([few[row] for row in few], abs=0.01 * size)


def tensors_that_stay(model: nn.Module) -> Iterator[str]:
    """Tensors that a module holds as mere attributes: `to` leaves them where they are."""
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            held = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
            if attribute not in {"_parameters", "_buffers"} and any(isinstance(one, torch.Tensor) for one in held):
                yield f"{type(module).__name__} {name}.{attribute}"


def ensemble() -> SiteEnsemble:
    bases = (("small_resnet_robust", "layer3.0"), ("small_smooth_robust", "layer3.0"))
    members = [
        build_site_model(open_base_model(name, layer=layer), n_sites=3, side_px=32, seed=0) for name, layer in bases
    ]
    return SiteEnsemble(members)


@pytest.mark.parametrize(
    "build", [lambda: SOURCE.load(torch.device("cpu")), ensemble, lambda: freeze_for_attack(Disagreement(ensemble()))]
)
def test_a_model_that_is_attacked_leaves_nothing_behind_when_it_moves(build: Callable[[], nn.Module]) -> None:
    assert list(tensors_that_stay(build())) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_hidden_cortex_answers_on_another_device(kind: str) -> None:
    """On torch's device without memory, which takes no tensor of the processor; evaluation attacks the cortex there."""
    cortex = model_of_electrodes(HiddenCortex(0, kind=KINDS[kind]).response_model(2), [0, 4])
    assert list(tensors_that_stay(cortex)) == []
    assert cortex.to("meta")(torch.empty(5, 3, SIDE, SIDE, device="meta")).shape == (5, 2)


def test_all_workers_have_something_to_do() -> None:
    assert [share_out(n, Workers("local", 8), most=32) for n in (0, 3, 9, 111, 10_000)] == [1, 1, 2, 14, 32]
    assert share_out(100, Workers("scheduler", address="tcp://a:1"), most=32) == 32
    assert own_workers().n >= 1
    assert able_to_fork(Workers("local", 4), "cpu") == Workers("local", 4)
