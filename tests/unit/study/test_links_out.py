"""A link in the place of a folder that a study writes to leads to files that are none of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.errors import ManifestError, StudyError
from closedloop.study.pages import draw_pages
from closedloop.study.process.links import refuse_links_out
from tests.unit.messages import refused
from tests.unit.study.labs import Lab, lab


@pytest.fixture
def made(tmp_path: Path) -> Lab:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "index.html").write_text("theirs")
    return lab(tmp_path / "study", days=1)


def put_link(made: Lab, name: str, target: Path) -> Path:
    place = made.paths.root / name
    place.parent.mkdir(exist_ok=True)
    if place.is_dir():
        place.rename(place.with_name("aside"))
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    return place


@pytest.mark.parametrize(
    "name",
    [
        "report",
        "inputs",
        "day-00",
        ".start.partial",
        "day-00/.synthesize.partial",
        "day-00/.synthesize.partial.d/.shards",
        "day-00/replaced",
        "day-00/gates",
        ".loop.lock",
        ".wait.lock",
        "amendments.jsonl",
        "ledger.sqlite",
        "ledger.sqlite-wal",
    ],
)
def test_neither_a_loop_nor_the_pages_write_through_a_link_out_of_the_study(
    made: Lab, tmp_path: Path, name: str
) -> None:
    if ".partial.d/" in name:
        name = name.replace(".d/", "/")
        (made.paths.root / name).parent.mkdir(parents=True)
    target = tmp_path / "others" / ("index.html" if "." in Path(name).name[1:] and "partial" not in name else "")
    place = put_link(made, name, target)
    for write in (made.run, lambda: draw_pages(made.paths)):
        with refused(StudyError, f"{place}: expected a place of the study's own", f"found a link to {target}"):
            write()
    assert [path.name for path in (tmp_path / "others").iterdir()] == ["index.html"]
    assert (tmp_path / "others" / "index.html").read_text() == "theirs"


def test_links_inside_and_what_a_person_brings_from_another_disk_are_no_fault(made: Lab, tmp_path: Path) -> None:
    put_link(made, "report", made.paths.root / "pages")
    put_link(made, "day-00/recording", tmp_path / "others")
    refuse_links_out(made.paths.root)


@pytest.mark.parametrize("lost", ["day-00/ingest", "day-00/plan", "start", "day-00/evaluate"])
def test_pages_are_not_drawn_where_a_manifest_is_missing(made: Lab, lost: str) -> None:
    made.run()
    folder = made.paths.root / lost
    (folder / MANIFEST_NAME).unlink()
    with refused(ManifestError, f"{folder}: expected a {MANIFEST_NAME}, found none", f"or move {folder} aside"):
        draw_pages(made.paths)


def test_nor_where_a_whole_stage_is(made: Lab) -> None:
    made.run()
    folder = made.paths.folder("refit", 0)
    folder.rename(folder.with_name("elsewhere"))
    with refused(ManifestError, f"{folder}: expected the folder that this stage published, found none", "run` make it"):
        draw_pages(made.paths)
