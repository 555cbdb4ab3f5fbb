from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.loop.studies import dry_run, run_once


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study, run once to its end, whichever test process asks first."""
    return run_once(tmp_path_factory, "undisturbed", dry_run)


@pytest.fixture
def study_copy(undisturbed: Path, tmp_path: Path) -> Callable[[], Path]:
    """A copy of the finished study, to be damaged."""

    def copy() -> Path:
        return Path(shutil.copytree(undisturbed, tmp_path / "study"))

    return copy
