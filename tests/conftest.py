"""Every test runs torch on one thread: two are slower on two cores (facts of the machine)."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest

from tests.loop.studies import closedloop, run_once


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what is remembered between commands out of the account's own cache, for child processes too."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def smoke_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped smoke protocol, run once to its end; for reading only."""
    return run_once(tmp_path_factory, "smoke", lambda study: closedloop("dry-run", study, "--protocol", "smoke"))
