"""A process whose torch uses several threads can fork: a lab sets OMP_NUM_THREADS, a script sets nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SEVERAL_THREADS = """
import torch
from closedloop.attacks.engine.devices import own_device
from closedloop.execution.local import run_in_processes
def piece():
    torch.ones(1 << 22).mul(2).sum()
torch.set_num_threads(2)
piece()
run_in_processes([piece, piece], n_processes=2)
print("ended on", torch.get_num_threads())
"""


@pytest.mark.slow
def test_children_of_a_parent_whose_torch_used_several_threads_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL_THREADS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("ended on 2\n", "")
