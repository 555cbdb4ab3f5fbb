"""Compiled kernels are kept while all their files stay the same, and are compiled anew when one of them changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.detection import compiled

ROOT = Path(compiled.__file__).parents[2]
PROGRAM = """
import numpy as np
from closedloop.detection import kernels
rows, state = np.ones((1, 16), np.float32), np.full((1, 2, 16), 0.25, np.float32)
out = np.zeros((1, 1, 16), np.float32)
kernels.forward(rows, ((0.5, 0.25),), state, out, 0)
print(out[0, 0, 0], sum(kernels.forward.stats.cache_hits.values()))
"""


def run(folder: Path) -> tuple[float, int]:
    """Run a kernel of a copy of the code; give what it makes of 1 and a state of 1/4, and how often it was kept."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    value, hits = said.stdout.split()
    return float(value), int(hits)


@pytest.mark.slow
def test_a_change_in_a_file_that_the_kernels_import_is_seen_and_a_new_time_stamp_is_none(tmp_path: Path) -> None:
    without = shutil.ignore_patterns("__pycache__", "weights")
    shutil.copytree(ROOT / "closedloop", tmp_path / "closedloop", ignore=without)
    assert run(tmp_path) == (1.25, 0)
    for file in (tmp_path / "closedloop" / "detection").glob("*.py"):
        os.utime(file, (1, 1))  # as a fresh checkout
    assert run(tmp_path) == (1.25, 1)
    lanes = tmp_path / "closedloop" / "detection" / "lanes.py"
    changed = lanes.read_text().replace("builder.fadd(*arguments)", "builder.fsub(*arguments)")
    assert changed != lanes.read_text()
    lanes.write_text(changed)
    assert run(tmp_path) == (0.75, 0)


def test_every_file_with_a_kernel_counts() -> None:
    folder = Path(compiled.__file__).parent
    of_numba = {file.name for file in folder.glob("*.py") if "\nfrom numba" in file.read_text()}
    assert of_numba == set(compiled.KERNEL_FILES)
