from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.loop.studies import dry_run


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study, run once to its end, whichever test process asks first."""
    own = tmp_path_factory.getbasetemp()  # of this run; with several processes each has its own folder in the run's
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "undisturbed"
    with FileLock(f"{shared}.lock"):
        if not (shared / "done").exists():
            shared.mkdir(exist_ok=True)
            finished = dry_run(shared / "study")
            assert finished.returncode == 0, finished.stdout + finished.stderr
            (shared / "done").touch()
    return shared / "study"


@pytest.fixture
def study_copy(undisturbed: Path, tmp_path: Path) -> Callable[[], Path]:
    """A copy of the finished study, to be damaged."""

    def copy() -> Path:
        return Path(shutil.copytree(undisturbed, tmp_path / "study"))

    return copy
