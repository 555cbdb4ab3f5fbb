"""The files of a finished study are those of the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.catalog import CATALOG, REPORT, files_of
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.study import INPUTS, STAGES, START

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def names(stage: str, *, optional: bool) -> set[str]:
    """Return the catalog's files of a stage, with those it may be without or without them."""
    files = [file for file in CATALOG if file.handed_on] if stage == START else files_of(stage)
    return {file.name for file in files if optional or not file.optional}


def test_a_dry_run_publishes_the_files_of_the_catalog_and_no_other(undisturbed: Path) -> None:
    folders = sorted(path.parent for path in undisturbed.rglob(MANIFEST_NAME))
    assert {folder.name for folder in folders} == {START, INPUTS, *STAGES}
    for folder in folders:
        published = set(read_manifest(folder).outputs)
        assert names(folder.name, optional=False) <= published <= names(folder.name, optional=True), folder


def test_so_does_its_report(undisturbed: Path) -> None:
    pages = {path.name.replace("day-01", "day-00") for path in (undisturbed / "report").iterdir()}
    numbers = {name.replace(".html", "-figures.csv") for name in pages if name.endswith(".html")}
    assert pages == names(REPORT.stage, optional=True) | numbers
