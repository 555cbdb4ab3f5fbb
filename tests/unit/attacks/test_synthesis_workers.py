"""The same bytes, whoever computes them, however often it was killed."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.attacks.engine.devices import check_device, in_turn, own_device
from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.objectives import SignedResponse
from closedloop.attacks.problem import Method, Problem
from closedloop.attacks.searches import ANNEALED, PAPER31
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.sources import InMemory, ModelSource, site_model_file, units_file
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.errors import CheckpointError, ExecutionError
from closedloop.execution.run import run_pieces
from closedloop.execution.workers import HERE, Workers, parse_workers, worker_index
from tests.unit.attacks.sources import SIDE, Curved, CurvedSource, DeadlyOnce
from tests.unit.execution.pieces import wait_for

pytestmark = pytest.mark.slow  # processes: in `make test`, not in `make check`

torch.set_num_threads(1)

ROOT = Path(__file__).parents[3]


def images(n: int = 4, side: int = SIDE) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


ITEMS = [
    AttackItem(f"image-{image}/site-{site}/eps-{epsilon}", image, site, epsilon)
    for image in range(3)
    for site in range(2)
    for epsilon in (2.5, 10.0)
]


def run(
    folder: Path,
    *,
    source: ModelSource | None = None,
    workers: Workers = HERE,
    batch_size: int = 4,
    items_per_shard: int = 2,
    items: list[AttackItem] = ITEMS,
) -> SynthesisResult:
    return synthesize(
        source or CurvedSource(),
        items,
        images(),
        method=Method(replace(ANNEALED, steps=6)),
        lattice=LatticeSettings(steps=1),
        shard_folder=folder,
        workers=workers,
        batch_size=batch_size,
        items_per_shard=items_per_shard,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.npz")}


def same(a: SynthesisResult, b: SynthesisResult) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("expected")
    run(folder)
    return folder


@pytest.mark.parametrize("batch_size", [1, 3, 8, 32])
def test_files_and_bytes_do_not_depend_on_the_batch_size(expected: Path, batch_size: int, tmp_path: Path) -> None:
    run(tmp_path, batch_size=batch_size)
    assert contents(tmp_path) == contents(expected)


def test_what_is_found_does_not_depend_on_the_shards(expected: Path, tmp_path: Path) -> None:
    assert same(run(expected), run(tmp_path, items_per_shard=5))


def test_two_processes_leave_the_same_bytes(expected: Path, tmp_path: Path) -> None:
    run(tmp_path, workers=Workers("local", 2))
    assert contents(tmp_path) == contents(expected)


@pytest.mark.slow
def test_a_dask_cluster_leaves_the_same_bytes(expected: Path, tmp_path: Path) -> None:
    run(tmp_path, workers=parse_workers("dask:2"))
    assert contents(tmp_path) == contents(expected)


@pytest.mark.slow
def test_a_killed_dask_worker_costs_nothing(expected: Path, tmp_path: Path) -> None:
    run(tmp_path, source=DeadlyOnce(tmp_path), workers=parse_workers("dask:2"))
    assert (tmp_path / "died").exists()
    assert contents(tmp_path) == contents(expected)


def test_after_a_killed_process_the_same_command_goes_on_to_the_same_bytes(expected: Path, tmp_path: Path) -> None:
    with pytest.raises(ExecutionError, match="killed by signal 9"):
        run(tmp_path, source=DeadlyOnce(tmp_path), workers=Workers("local", 2))
    assert 0 < len(contents(tmp_path)) < len(contents(expected))
    run(tmp_path, source=DeadlyOnce(tmp_path), workers=Workers("local", 2))
    assert contents(tmp_path) == contents(expected)


PARENT = """
import sys
from pathlib import Path
from closedloop.execution.workers import Workers
from tests.unit.attacks.sources import Waiting
from tests.unit.attacks.test_synthesis_workers import run
folder = Path(sys.argv[1])
run(folder, source=Waiting(folder), workers=Workers("local", 2))
"""


@pytest.mark.slow
def test_after_a_killed_parent_the_same_command_goes_on_to_the_same_bytes(expected: Path, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    wait_for(tmp_path / "first")
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert len(contents(tmp_path)) < len(contents(expected))
    run(tmp_path, workers=Workers("local", 2))
    (tmp_path / "go").touch()
    assert contents(tmp_path) == contents(expected)


def test_a_model_in_memory_is_not_sent_to_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(ExecutionError, match="save the model first"):
        run(tmp_path, source=InMemory(Curved().eval(), "m"), workers=Workers("dask", 2))


def test_a_file_that_changed_since_it_was_named_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"before")
    source = site_model_file(file)
    file.write_bytes(b"after")
    with pytest.raises(CheckpointError, match="expected weights with the hash"):
        source.load(torch.device("cpu"))


def test_units_are_loaded_once_frozen_and_named_by_their_weights() -> None:
    source = units_file("small_resnet_robust", layer="layer3.0")
    model = source.load(torch.device("cpu"))
    assert model is source.load(torch.device("cpu"))
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert source.name != units_file("small_resnet_vanilla", layer="layer3.0").name
    assert source.name != units_file("small_resnet_robust", layer="layer2.0").name


@pytest.mark.slow
def test_the_memory_of_a_synthesis_does_not_grow_with_its_images(tmp_path: Path) -> None:
    side, few, many = 32, 32, 160
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * side**2, 1)).eval()

    def peak(n_items: int) -> int:
        items = [AttackItem(str(number), number % 4, 0, 10.0) for number in range(n_items)]
        tracemalloc.start()
        result = synthesize(
            InMemory(model, "linear"),
            items,
            images(side=side),
            method=Method(replace(PAPER31, steps=1)),
            lattice=LatticeSettings(steps=0),
            shard_folder=tmp_path / str(n_items),
            batch_size=32,
        )
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert result.attacked.shape == (n_items, side, side, 3)
        return reached

    peak(few)  # what is imported and cached once
    (tmp_path / str(few)).rename(tmp_path / "first")
    assert peak(many) - peak(few) < 0.3 * (many - few) * 3 * side**2


def test_the_engine_holds_its_slots_alone_however_many_tasks_there_are() -> None:
    def values_alive(n_tasks: int) -> int:
        clean = torch.full((1, 3, SIDE, SIDE), 0.5)
        objective = SignedResponse(torch.zeros(n_tasks, dtype=torch.int64), torch.ones(n_tasks))
        tasks = (Task(row, 0, (0.1,), row) for row in range(n_tasks))
        problem = Problem(Curved().eval(), lambda places: clean[[0] * len(places)], objective)
        found = find(problem, tasks, method=Method(replace(PAPER31, steps=2)), batch_size=4)
        for _ in islice(found, n_tasks - 10):
            pass
        return sum(one.numel() for one in gc.get_objects() if type(one) is Tensor and one.dim() == 4)

    assert values_alive(400) < 1.05 * values_alive(40)


def test_graphics_cards_are_shared_out_by_the_workers_number() -> None:
    assert [in_turn(worker, 2).index for worker in range(4)] == [0, 1, 0, 1]
    with pytest.raises(ExecutionError, match="found none"):
        in_turn(0, 0)


def test_a_device_that_is_named_is_taken() -> None:
    for name in ("cpu", "auto"):
        check_device(name)
    assert own_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    "name", ["tpu", "mps", "meta", "", "cpu:3", "cuda:-1", "cuda:7", "cuda", "CPU", "0", "a b", "xla"]
)
def test_a_device_that_is_not_there_is_refused_in_one_line(name: str) -> None:
    if name == "cuda" and torch.cuda.is_available():
        return
    for use in (check_device, own_device):
        with pytest.raises(ExecutionError, match=r"^--device.*: expected .*found.*\.$") as refused:
            use(name)
        assert "\n" not in str(refused.value)


def test_each_forked_worker_knows_its_number(tmp_path: Path) -> None:
    def leave_number(place: int) -> None:
        (tmp_path / str(place)).write_text(str(worker_index()))

    run_pieces([partial(leave_number, place) for place in range(4)], Workers("local", 2))
    assert [(tmp_path / str(place)).read_text() for place in range(4)] == ["0", "1", "0", "1"]
    assert worker_index() == 0
