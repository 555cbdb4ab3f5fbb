"""What people name is shown as it is, on every page and in every figure: never as markup, never as mathematics."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from closedloop.artifacts.catalog import AUDIT
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.report.pages import write_report
from tests.unit.report.conftest import audit_columns

pytestmark = pytest.mark.slow  # all figures of a study

NAME = "<script>$\\frac{$ & \"b' {{ 7*7 }} $x_1$"
"""A tag, TeX that does not parse, an entity, both quotes, a template's braces, TeX that would parse; no /: a folder."""


class _Page(HTMLParser):
    """The elements of a page, its visible text, and the figures inside it."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.figures: list[bytes] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        for _, value in attrs:
            if value and value.startswith("data:image/svg+xml;base64,"):
                self.figures.append(base64.b64decode(value.split(",")[1]))

    def handle_data(self, data: str) -> None:
        self.words += data


def _replace_in_documents(paths: StudyPaths, *, names: tuple[str, ...]) -> None:
    """Give categories and reasons the hostile name in every document of the days."""
    for file in paths.root.glob("day-*/*/*.json"):
        text = file.read_text(encoding="utf-8")
        for name in names:
            text = text.replace(name, json.dumps(NAME)[1:-1])
        file.write_text(text, encoding="utf-8")


def _pages(paths: StudyPaths) -> dict[str, _Page]:
    write_report(paths)
    return {file.name: _Page(file.read_text(encoding="utf-8")) for file in sorted(paths.report.glob("*.html"))}


def test_hostile_names_are_text_on_every_page_and_in_every_figure(tmp_path: Path, build_study: Any) -> None:
    usual = _pages(build_study(tmp_path / "usual", n_evaluated=2))
    paths: StudyPaths = build_study(tmp_path / NAME, n_evaluated=2)
    pool = PoolDescription(kind="imagenet_folder", side_px=32, seed=1, folder=f"/data/{NAME}")
    study = StudyDocument.read(paths.study)
    study.model_copy(update={"subject": NAME, "pool": pool}).write(paths.study)
    _replace_in_documents(paths, names=("disc_dots", "overlaps_gap", "word 17 at 103.52 s"))
    for day in range(3):
        columns = audit_columns() | {"category": [NAME] * 6}
        AUDIT.write(AUDIT.published(paths, day), columns, simulated=True)
    pages = _pages(paths)
    assert list(pages) == list(usual)
    assert len(pages) == 7
    for name, page in pages.items():
        assert page.tags <= usual[name].tags, name
        assert page.attributes <= usual[name].attributes, name
        assert NAME in page.words, name
        assert len(page.figures) == len(usual[name].figures), name
    drawn = [
        "".join(ET.fromstring(figure).itertext()) for page in pages.values() for figure in page.figures
    ]  # a figure with a tag in a name would be no XML
    assert (
        sum(f"attacked · {NAME} · ε = 10" in text for text in drawn) == 3
    )  # the rasters of both days, the last one's in index.html too
