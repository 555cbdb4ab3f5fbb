"""`init` again after it was interrupted: by the same words it goes on, by others it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.create import create
from closedloop.errors import StudyError
from closedloop.study.create import Request, create_study
from tests.unit.messages import refused
from tests.unit.study.new_studies import PROTOCOLS, image_folder, request


@pytest.fixture
def asked(tmp_path: Path) -> Request:
    """What `init` is told; the study was made, and its first session is not ready."""
    wanted = replace(request(tmp_path), simulated=False, images=image_folder(tmp_path / "images"))
    create_study(wanted)
    return wanted


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_same_words_go_on_with_the_study_that_they_made(asked: Request, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(asked.root)
    create(asked)
    assert content(asked.root) == before
    assert f"{asked.root}: the study was made already, by this command" in capsys.readouterr().err


def other_protocol(asked: Request) -> Request:
    own = asked.root.with_name("own.yaml")
    own.write_text((PROTOCOLS / "smoke.yaml").read_text() + "# a comment more\n")
    return replace(asked, protocol=str(own))


OTHERS: dict[str, Callable[[Request], Request]] = {
    "another animal": lambda asked: replace(asked, subject="somebody"),
    "another recorder": lambda asked: replace(asked, nsx=("ns6",)),
    "more arrays": lambda asked: replace(asked, arrays=("array1", "array2")),
    "other weights": lambda asked: replace(asked, base_model=Path("small_resnet_vanilla")),
    "another protocol": other_protocol,
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_words_are_refused_and_change_nothing(asked: Request, other: str) -> None:
    before = content(asked.root)
    with refused(StudyError, asked.root, "found a study. Go on with it by `closedloop run"):
        create(OTHERS[other](asked))
    assert content(asked.root) == before


def test_a_study_whose_first_session_is_ready_is_not_made_again(asked: Request) -> None:
    folder = StudyPaths(asked.root).folder("schedule", 0)
    folder.mkdir(parents=True)
    (folder / MANIFEST_NAME).touch()
    with refused(StudyError, asked.root, "found a study. Go on with it by `closedloop run"):
        create(asked)
