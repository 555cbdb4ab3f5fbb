"""Every test runs torch on one thread: two are slower on two cores (facts of the machine)."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest

from tests.loop.studies import closedloop, run_once


@pytest.fixture(scope="session")
def smoke_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped smoke protocol, run once to its end; for reading only."""
    return run_once(tmp_path_factory, "smoke", lambda study: closedloop("dry-run", study, "--protocol", "smoke"))
