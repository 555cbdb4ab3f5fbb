"""A day skipped, and a second session on a day, in a study of an animal: the loop goes on; undoing leaves no trace."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.status import read_status, status_lines
from closedloop.service.over_days.decisions import read_entries
from closedloop.study.amending.sessions import add_block, drop_block, skip_day, unskip_day
from closedloop.study.loop import read_identity
from closedloop.study.verification.study import verify_study
from tests.loop.real_study import PROTOCOL, RealStudy, make_real_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

WHY = "the animal is ill"


@pytest.fixture(scope="module")
def after_day_0(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three days whose day 0 is done and whose day 1 is scheduled."""
    folder = tmp_path_factory.mktemp("decided")
    protocol = folder / "three_days.yaml"
    protocol.write_text(PROTOCOL.read_text().replace("days: 2", "days: 3"))
    made = make_real_study(folder / "study", protocol=protocol)
    made.day_of_data()
    assert made.run().day == 1
    return made.root


def copy_of(study: Path, to: Path) -> RealStudy:
    """Return a copy of a study to go on with."""
    shutil.copytree(study, to)
    return RealStudy(StudyPaths(to))


def second_of(made: RealStudy, day: int) -> RealStudy:
    """Return a study seen from a day's second session."""
    return replace(made, paths=made.paths.at(Block(day, 2)))


def clean_images(paths: StudyPaths, day: int) -> list[str]:
    """Return the images that a session was to show clean."""
    rows = catalog.PLANNED_IMAGES.read(catalog.PLANNED_IMAGES.published(paths, day))
    return [str(name) for name in rows["image_id"][rows["role"] == "clean"]]


def made_of(made: RealStudy, *days: str) -> dict[str, object]:
    """Return the bytes of all that was published on days, by hash, with what decided it."""
    manifests = (path for day in days for path in made.root.glob(f"{day}/*/{MANIFEST_NAME}"))
    read = {path.relative_to(made.root).as_posix(): read_manifest(path.parent) for path in manifests}
    return {name: (one.input_hash, one.seed, one.inputs, one.outputs) for name, one in read.items()}


def pages(made: RealStudy) -> dict[str, str]:
    return {page.name: page.read_text() for page in made.paths.report.glob("*.html")}


def test_a_study_goes_on_after_a_skipped_day_and_with_a_second_session(after_day_0: Path, tmp_path: Path) -> None:
    made = copy_of(after_day_0, tmp_path / "study")
    study, protocol = read_identity(made.paths)
    skip_day(made.paths, study, day=1, by="ada", why=WHY)
    assert made.run().day == 2
    assert clean_images(made.paths, 2) == clean_images(made.paths, 1)
    add_block(made.paths, study, protocol, day=2, by="ada", why="it works on")
    made.day_of_data(2)
    waits = made.run().waiting_for or ""
    assert waits.startswith("day 2, session 2: the session is ready")
    second = second_of(made, 2)
    assert not set(clean_images(second.paths, 2)) & set(clean_images(made.paths, 2))
    second.day_of_data(2)
    assert made.run().waiting_for is None

    fit = catalog.FIT.read(catalog.FIT.published(second.paths, 2))
    assert len(fit.n_fitted_by_day) == 3
    pairs = {
        block: catalog.PAIRS.read(catalog.PAIRS.published(made.paths.at(block), 2))["stimulus_id"]
        for block in (Block(2), Block(2, 2))
    }
    assert len(pairs[Block(2, 2)]) == 2 * len(pairs[Block(2)])
    assert verify_study(made.paths).faults == ()
    said = "\n".join(status_lines(read_status(made.root)))
    assert "day 1: skipped by ada" in said
    assert "day 2, session 2: added by ada" in said
    assert "All 3 days are done." in said
    found = pages(made)
    assert {"day-01.html", "day-02.html", "day-02.2.html"} <= set(found)
    assert "Day 1: skipped by ada" in found["index.html"]
    assert "Day 1: skipped by ada" in found["day-01.html"]
    assert "It waits for the session" not in found["day-01.html"]
    assert "day 2, session 2" in found["day-02.2.html"]
    told = [entry.title for entry in read_entries(made.paths)[0]]
    assert {"Skipped the day", "Added session 2 to the day"} <= set(told)


def test_a_session_that_was_lost_is_gone_on_from_and_its_images_are_used(after_day_0: Path, tmp_path: Path) -> None:
    made = copy_of(after_day_0, tmp_path / "study")
    study, _ = read_identity(made.paths)
    made.present(1)
    skip_day(made.paths, study, day=1, by="ada", why=WHY)
    assert made.run().day == 2
    assert not set(clean_images(made.paths, 2)) & set(clean_images(made.paths, 1))
    made.day_of_data(2)
    assert made.run().waiting_for is None
    assert verify_study(made.paths).faults == ()
    assert "its images count as used" in pages(made)["index.html"]


def test_undoing_leaves_the_study_as_it_would_have_been(after_day_0: Path, tmp_path: Path) -> None:
    plain, changed = copy_of(after_day_0, tmp_path / "plain"), copy_of(after_day_0, tmp_path / "changed")
    study, protocol = read_identity(changed.paths)
    skip_day(changed.paths, study, day=1, by="ada", why=WHY)
    assert changed.run().day == 2
    unskip_day(changed.paths, study, protocol, day=1, by="ada", why=WHY)
    add_block(changed.paths, study, protocol, day=1, by="ada", why=WHY)
    for made in (plain, changed):
        made.day_of_data(1)
        made.run()
    assert (second_of(changed, 1).paths.day(1).root / "schedule").is_dir()
    drop_block(changed.paths, study, day=1, by="ada", why=WHY)
    assert changed.run().day == 2
    days = ("day-00", "day-01", "day-02")
    assert made_of(changed, *days) == made_of(plain, *days)
    assert len(made_of(plain, *days)) == 9 + 9 + 3
