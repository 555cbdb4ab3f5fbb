from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.artifacts.study import StudyPaths
from tests.loop.real_study import RealStudy, make_real_study
from tests.loop.studies import dry_run_anew, run_once


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study, run once to its end, whichever test process asks first."""
    return run_once(tmp_path_factory, "undisturbed", dry_run_anew)


@pytest.fixture
def study_copy(undisturbed: Path, tmp_path: Path) -> Callable[[], Path]:
    """A copy of the finished study, to be damaged."""

    def copy() -> Path:
        return Path(shutil.copytree(undisturbed, tmp_path / "study"))

    return copy


@pytest.fixture(scope="session")
def scheduled_real_study(tmp_path_factory: pytest.TempPathFactory) -> RealStudy:
    """A simulated real study that waits for the session of day 0; to be copied, never changed."""
    return make_real_study(tmp_path_factory.mktemp("real") / "study")


@pytest.fixture
def real_study(scheduled_real_study: RealStudy, tmp_path: Path) -> RealStudy:
    """A copy of the simulated real study that waits for the session of day 0."""
    return RealStudy(StudyPaths(Path(shutil.copytree(scheduled_real_study.root, tmp_path / "study"))))
