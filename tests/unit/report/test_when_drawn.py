"""The pages are drawn when they are not those of what is published, whatever the times of the files say."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import REPORT, REPORT_RECORD, SENSITIVITY_CSV
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, describe_files
from closedloop.artifacts.study import START, START_DAY, StudyPaths
from closedloop.errors import ManifestError
from closedloop.study.pages import draw_pages, draw_pages_if_due
from tests.unit.messages import refused
from tests.unit.report.conftest import manifest_of, publish_shown

LATER = 4_000_000_000


@pytest.fixture(scope="module")
def original(build_study: Callable[..., StudyPaths], tmp_path_factory: pytest.TempPathFactory) -> StudyPaths:
    """A study of a day with its pages."""
    paths = build_study(tmp_path_factory.mktemp("drawn") / "study", n_evaluated=1, under_way=False)
    publish_shown(paths, 0)
    for stage, day in ((START, START_DAY), ("recording", 0)):
        manifest_of(paths, day, stage, simulated=True)
    for path in paths.root.rglob(MANIFEST_NAME):
        Manifest.read(path).model_copy(update={"outputs": describe_files(path.parent)}).write(path)
    draw_pages_if_due(paths)
    return paths


@pytest.fixture
def drawn(original: StudyPaths, tmp_path: Path) -> StudyPaths:
    """A copy of it, to be damaged."""
    return StudyPaths(Path(shutil.copytree(original.root, tmp_path / "study")))


def contents(paths: StudyPaths) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths.report.iterdir()}


def times(paths: StudyPaths) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in paths.report.iterdir()}


def test_pages_of_what_is_published_are_not_drawn_again_though_everything_is_newer(drawn: StudyPaths) -> None:
    before = times(drawn)
    assert set(before) >= {REPORT.name, REPORT_RECORD.name, SENSITIVITY_CSV.name}
    for path in drawn.root.rglob(MANIFEST_NAME):
        os.utime(path, (LATER, LATER))
    draw_pages_if_due(drawn)
    assert times(drawn) == before


@pytest.mark.parametrize("name", [REPORT.name, SENSITIVITY_CSV.name, REPORT_RECORD.name])
@pytest.mark.parametrize("content", [None, b"day,epsilon\n"])
def test_a_file_of_the_report_that_is_gone_or_was_edited_is_restored(
    drawn: StudyPaths, name: str, content: bytes | None
) -> None:
    before = contents(drawn)
    if content is None:
        (drawn.report / name).unlink()
    else:
        (drawn.report / name).write_bytes(content)
        os.utime(drawn.report / name, (LATER, LATER))
    draw_pages_if_due(drawn)
    assert contents(drawn).keys() == before.keys()
    assert (drawn.report / SENSITIVITY_CSV.name).read_bytes() == before[SENSITIVITY_CSV.name]
    assert (drawn.report / name).read_bytes() == before[name]


def test_an_older_evaluation_put_back_is_drawn_though_the_page_is_newer(drawn: StudyPaths) -> None:
    path = drawn.folder("evaluate", 0) / MANIFEST_NAME
    path.write_bytes(path.read_bytes().replace(b'"seed": 3', b'"seed": 4'))
    os.utime(path, (0, 0))
    before = REPORT_RECORD.read(drawn.report / REPORT_RECORD.name)
    draw_pages_if_due(drawn)
    after = REPORT_RECORD.read(drawn.report / REPORT_RECORD.name)
    changed = {name for name, digest in after.drawn_from.items() if before.drawn_from[name] != digest}
    assert changed == {"day-00/evaluate/manifest.json"}


@pytest.mark.parametrize("draw", [draw_pages, draw_pages_if_due])
def test_nothing_is_drawn_from_what_does_not_verify(drawn: StudyPaths, draw: Callable[[StudyPaths], object]) -> None:
    (drawn.report / SENSITIVITY_CSV.name).unlink()
    before = contents(drawn)
    file = drawn.folder("evaluate", 0) / "sensitivity.parquet"
    status = file.stat()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    with refused(ManifestError, file, "found others"):
        draw(drawn)
    assert contents(drawn) == before
