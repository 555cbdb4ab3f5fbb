"""A session that no animal saw: refused, taken by name, and then said wherever the study is looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import journal_bytes, read_journal
from closedloop.artifacts.day.journal_rows import LaunchOpened
from tests.loop.real_study import RealStudy
from tests.loop.studies import ENVIRONMENT, WAITING, closedloop, one_line_error

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WHY = "a pilot without the tracker"
MEANINGS = {"mouse-gaze": "the mouse stood for the eye", "file-codes": "digital codes never left the rig"}


def test_a_session_by_mouse_is_refused_then_taken_by_name_and_every_page_says_so(real_study: RealStudy) -> None:
    real_study.present(gaze="mouse", codes="file")
    real_study.record()
    said = one_line_error(closedloop("run", real_study.root, "--settle", "0"))
    assert all(f"{meaning} ({name})" in said for name, meaning in MEANINGS.items())
    assert not (real_study.paths.folder("present", 0) / "manifest.json").exists()

    names = [word for name in MEANINGS for word in ("--despite", name)]
    taken = closedloop("accept-session", real_study.root, "--day", "0", *names, "--why", WHY, "--who", "Ada")
    assert taken.returncode == 0, taken.stderr
    finished = closedloop("run", real_study.root, "--settle", "0")
    assert finished.returncode == WAITING, finished.stdout + finished.stderr

    quality = catalog.QUALITY.read(catalog.QUALITY.published(real_study.paths, 0))
    assert {name: said.split(";")[0] for name, said in quality.despite.items()} == MEANINGS
    pages = {page.name: page.read_text() for page in real_study.paths.report.glob("*.html")}
    assert set(pages) >= {"index.html", "day-00.html", "day-00-stimuli.html", "day-01.html"}
    for name, page in pages.items():
        assert all(f"day 0 is no data of an animal: {meaning}" in page for meaning in MEANINGS.values()), name
        assert WHY in page
    status = closedloop("status", real_study.root).stdout
    assert "day 0: no data of an animal: the mouse stood for the eye; taken as data by Ada" in status
    assert len(json.loads(closedloop("status", real_study.root, "--json").stdout)["despite"]["0"]) == len(MEANINGS)


def test_a_headless_session_is_refused_by_every_one_of_its_names(real_study: RealStudy) -> None:
    real_study.present(gaze="scripted", display="headless", clock="virtual", codes="file")
    said = one_line_error(closedloop("run", real_study.root, "--settle", "0"))
    assert all(f"({name})" in said for name in ("headless-display", "virtual-clock", "scripted-gaze", "file-codes"))


@pytest.mark.parametrize("kind", ["rehearsal", "training"])
def test_a_rehearsal_or_a_training_is_never_data_whatever_reason_is_given(real_study: RealStudy, kind: str) -> None:
    real_study.present()
    place = catalog.JOURNAL.published(real_study.paths, 0)
    rows = read_journal(place).rows
    marked = [row.model_copy(update={f"is_{kind}": True}) if isinstance(row, LaunchOpened) else row for row in rows]
    place.write_bytes(journal_bytes(marked))
    real_study.record()
    said = one_line_error(closedloop("run", real_study.root, "--settle", "0"))
    assert f"found that of a {kind} ({kind}), which is never data" in said
    taken = closedloop("accept-session", real_study.root, "--day", "0", "--despite", "scripted-gaze", "--why", WHY)
    assert "which is never data" in one_line_error(taken)
    assert not (real_study.paths.folder("present", 0) / "manifest.json").exists()


def test_a_rig_that_nobody_described_leaves_nothing_and_the_study_waits(real_study: RealStudy) -> None:
    folder = real_study.paths.folder("schedule", 0)
    command = [sys.executable, "-m", "rig", "present", str(folder), "--display", "headless"]
    refused = subprocess.run(command, check=False, capture_output=True, text=True, env=ENVIRONMENT)
    assert "expected a rig's description for a session with an animal, found none" in one_line_error(refused)
    assert not real_study.paths.folder("present", 0).exists()


def test_an_empty_journal_of_an_older_rig_does_not_stop_the_study_from_waiting(real_study: RealStudy) -> None:
    place = catalog.JOURNAL.published(real_study.paths, 0)
    place.parent.mkdir()
    place.touch()
    waiting = closedloop("run", real_study.root, "--settle", "0")
    assert waiting.returncode == 3, waiting.stdout + waiting.stderr
    assert "summary.json is not there" in " ".join((waiting.stdout + waiting.stderr).split())


def test_an_older_rig_s_journal_is_taken_and_what_it_lacks_is_said(real_study: RealStudy) -> None:
    real_study.present()
    real_study.record()
    without_checks(catalog.JOURNAL.published(real_study.paths, 0))
    real_study.run()
    notes = catalog.QUALITY.read(catalog.QUALITY.published(real_study.paths, 0)).journal_notes
    assert len(notes) == 3
    assert "lines carry no checks" in notes[0]
    assert "lines carry no checks" in closedloop("status", real_study.root).stdout
    assert "lines carry no checks" in (real_study.paths.report / "index.html").read_text()


def without_checks(journal: Path) -> None:
    """Write a journal as rigs of version 0.1 did."""
    newer = ("line", "check", "gaze", "codes", "versions", "overrides")
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    older = [{name: value for name, value in row.items() if name not in newer} for row in rows]
    journal.write_text("".join(json.dumps(row) + "\n" for row in older))
