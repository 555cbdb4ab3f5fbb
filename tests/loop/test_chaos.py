"""A study to which everything goes wrong that can: it ends, and the days before any damage are the undisturbed ones."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from closedloop.artifacts.records.chaos import Chaos
from closedloop.artifacts.study import STAGES, StudyDocument
from closedloop.study.chaos.comparing import TOUCHED
from tests.loop.studies import closedloop, run_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

PROTOCOL = Path(__file__).with_name("six_days.yaml")
SEED = 1
ASKED = ("slow_copy", "truncated_copy", "early_end", "full_disk", "skipped_day")


def dry_run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return closedloop("dry-run", folder, "--protocol", PROTOCOL, "--chaos", str(SEED), *options, timeout_s=3000)


@pytest.fixture(scope="session")
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both studies, run once to their end, whichever test process asks first."""
    return run_once(tmp_path_factory, "chaos", dry_run)


def test_every_event_happened_was_answered_and_stands_on_the_page(disturbed: Path) -> None:
    found = Chaos.read(disturbed / "chaos.json")
    assert found.is_well
    assert found.finished
    page = (disturbed / "chaos.html").read_text().replace("\u00a0", " ")
    for number, one in enumerate(found.events, start=1):
        assert one.happened, one
        assert f"{number}: day {one.day}" in page
    asked = {one.kind: one for one in found.events if one.kind in ASKED}
    assert set(asked) == set(ASKED)
    for one in asked.values():  # what a person has to act on is said, and something was decided
        assert one.answers, one
        assert one.decisions, one
    assert "close-day" in asked["early_end"].decisions[0]
    assert "skip-day" in asked["skipped_day"].decisions[0]


def test_undamaged_days_are_the_undisturbed_ones_byte_for_byte(disturbed: Path) -> None:
    found = Chaos.read(disturbed / "chaos.json")
    first = min(one.day for one in found.events if TOUCHED[one.kind])
    assert first >= 2
    for day in range(first):
        for stage in STAGES:
            folders = [disturbed / name / f"day-{day:02d}" / stage for name in ("disturbed", "undisturbed")]
            files = [{path.name: content(path) for path in folder.iterdir()} for folder in folders]
            for of in files:
                del of["manifest.json"]  # how long it took
            assert files[0] == files[1], folders[0]
            assert files[0]
    assert set(found.same_days) >= set(range(first))
    assert not any(one.is_same for one in found.folders if one.day == first and one.stage == "ingest")


def content(path: Path) -> bytes:
    """Return a file's bytes; of a journal, those without the hash of a manifest, which says how long a stage took."""
    if path.name != "journal.jsonl":
        return path.read_bytes()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return json.dumps([{k: v for k, v in line.items() if k not in {"plan_sha256", "check"}} for line in lines]).encode()


def test_the_disturbed_study_is_simulated_whole_and_its_events_are_not_repeated(
    disturbed: Path, tmp_path: Path
) -> None:
    assert StudyDocument.read(disturbed / "disturbed" / "study.json").simulated
    assert closedloop("verify", disturbed / "disturbed").returncode == 0
    copy = Path(shutil.copytree(disturbed, tmp_path / "copy"))
    before = Chaos.read(copy / "chaos.json")
    again = dry_run(copy)
    assert again.returncode == 0, again.stdout
    assert Chaos.read(copy / "chaos.json") == before
    other = closedloop("dry-run", copy, "--protocol", PROTOCOL, "--chaos", "2")
    assert other.returncode == 1
    assert "expected events of seed 2, found those of seed 1" in other.stderr
