"""To read a recording loads nothing that takes longer than the reading of its head."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from closedloop.blackrock.nsx.header import NsxChannel
from tests.unit.blackrock.nsx.nsx_files import write

PROGRAM = """
import sys
from pathlib import Path
from closedloop.blackrock.nsx.samples import open_samples
open_samples(Path(sys.argv[1])).read(0, 0, 9)
print([name for name in ("numpy.ma", "scipy", "numba", "pandas", "pyarrow") if name in sys.modules])
"""


def test_an_nsx_is_read_without_numpys_masked_arrays(tmp_path: Path) -> None:
    """`np.unique` loads them: 30 ms in each process, more than 30 s of 192 channels take to read."""
    data = np.zeros((9, 1), np.int16)
    file = write(tmp_path / "made.ns6", [(0, data)], channels=[NsxChannel(1, "elec1")])
    run = subprocess.run([sys.executable, "-c", PROGRAM, str(file)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
