"""Shards across the processes that torchrun starts: the bytes of one process, on whichever machines they are."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist

from closedloop.errors import ClosedLoopError, ExecutionError
from closedloop.execution import ranks
from closedloop.execution.local import run_in_processes
from closedloop.execution.ranks import Rank, take_rank
from closedloop.training.end_to_end import RefitRecipe, refit
from closedloop.training.resumable import TrainingProgress
from closedloop.training.sharded.ranks import end_ranks, serve_shards
from tests.unit.training.test_end_to_end import same, site_model, weights_of
from tests.unit.training.test_sharded import FROM, HELD_OUT, RECIPE, TRAIN, Weights, fitted

Ranks = Callable[[int], Rank]
FROM_ONCE = dataclasses.replace(FROM, epochs=1)
READOUT = dataclasses.replace(FROM_ONCE, train="readout", precision="bfloat16")


@pytest.fixture
def ranks_of_three() -> Ranks:
    """Three processes that find each other at a store of this one's, as torchrun's agent has it."""
    store = dist.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    return lambda number: Rank(number, 3, "localhost", store.port, str(id(store)))


def fit_first(own: Rank, recipes: list[RefitRecipe], found: Path, on_step: Callable[[TrainingProgress], None]) -> None:
    for recipe in recipes:
        model = site_model()
        refit(model, TRAIN, HELD_OUT, recipe=recipe, seed=3, rank=own, progress=on_step, checkpoint=found / "refit.pt")
        np.savez(found / f"{recipe.train}.npz", **weights_of(model))
    end_ranks(own)


def serve(own: Rank, found: Path) -> None:
    was_told = serve_shards(own)
    (found / f"rank {own.number}").write_text("ended" if was_told else "lost")


def saved(found: Path, recipe: RefitRecipe) -> Weights:
    return dict(np.load(found / f"{recipe.train}.npz"))


def test_three_processes_end_with_the_bytes_of_one_fit_after_fit(ranks_of_three: Ranks, tmp_path: Path) -> None:
    recipes = [dataclasses.replace(RECIPE, shards=4, epochs=2), FROM_ONCE, READOUT]
    first, *others = map(ranks_of_three, range(3))
    run_in_processes(
        [
            lambda: fit_first(first, recipes, tmp_path, lambda _: None),
            *(lambda own=own: serve(own, tmp_path) for own in others),  # type: ignore[misc]
        ],
        n_processes=3,
    )
    for recipe in recipes:
        assert same(saved(tmp_path, recipe), fitted(recipe))
    assert [(tmp_path / f"rank {number}").read_text() for number in (1, 2)] == ["ended", "ended"]


def test_a_lost_process_is_one_line_and_the_same_fit_goes_on_without_it(ranks_of_three: Ranks, tmp_path: Path) -> None:
    first, second, third = map(ranks_of_three, range(3))

    def tell_and_be_killed() -> None:
        (tmp_path / "pid").write_text(str(os.getpid()))
        serve(third, tmp_path)

    def kill(training: TrainingProgress) -> None:
        if training.step == 4:
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    with pytest.raises(ClosedLoopError, match=r"torchrun: expected all .* Run the same command again: what is done"):
        run_in_processes(
            [
                lambda: fit_first(first, [RECIPE], tmp_path, kill),
                lambda: serve(second, tmp_path),
                tell_and_be_killed,
            ],
            n_processes=3,
        )
    assert (tmp_path / "rank 1").read_text() == "lost"
    seen = list[TrainingProgress]()
    weights = fitted(RECIPE, checkpoint=tmp_path / "refit.pt", progress=seen.append)
    assert same(weights, fitted(RECIPE))
    assert seen[0].step == 4  # an epoch was done


SET_BY_TORCHRUN = {
    **{"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"},
    "TORCHELASTIC_USE_AGENT_STORE": "True",
}


def test_a_process_knows_which_it_is_and_what_it_starts_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "_own", [])
    for name, value in {**SET_BY_TORCHRUN, "CLOSEDLOOP_WORKER_INDEX": "0"}.items():
        monkeypatch.setenv(name, value)
    assert take_rank() == Rank(1, 2, "localhost", 29500, "0")
    assert take_rank() is None
    assert ranks.own_rank() == Rank(1, 2, "localhost", 29500, "0")


@pytest.mark.parametrize("name", ["LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE"])
def test_half_of_what_torchrun_sets_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for one, value in {**SET_BY_TORCHRUN, name: ""}.items():
        monkeypatch.setenv(one, value)
    with pytest.raises(ExecutionError, match="torchrun --nproc-per-node"):
        take_rank()


@pytest.mark.slow
def test_torchrun_runs_a_command_once_and_all_processes_end(tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m"),
            *("closedloop", "status", str(tmp_path)),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert ran.stderr.count("study.json") == 1
    assert ran.returncode == 1
