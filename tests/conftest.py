"""Every test runs torch on one thread: two are slower on two cores (facts of the machine)."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest
from filelock import FileLock

from tests.loop.studies import closedloop


@pytest.fixture(scope="session")
def smoke_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped smoke protocol run once to its end, whichever test process asks first; for reading only."""
    own = tmp_path_factory.getbasetemp()  # of this run; with several processes each has its own folder in the run's
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "smoke"
    with FileLock(f"{shared}.lock"):
        if not (shared / "done").exists():
            shared.mkdir(exist_ok=True)
            finished = closedloop("dry-run", shared / "study", "--protocol", "smoke")
            assert finished.returncode == 0, finished.stdout + finished.stderr
            (shared / "done").touch()
    return shared / "study"
