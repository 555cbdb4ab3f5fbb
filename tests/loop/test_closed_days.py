"""Sessions of a simulated real study that end early: closed, what was shown counts, the rest is offered again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import accepted, journal_bytes, read_journal
from closedloop.artifacts.day.journal_rows import PresentationBegun
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import SessionError
from closedloop.study.verification.study import verify_study
from tests.loop.nwb_files import assert_as_published, export, session_of
from tests.loop.real_study import PROTOCOL, RealStudy, make_real_study
from tests.loop.studies import closedloop
from tests.unit.messages import refused

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

N_DAYS = 6
STOPPED = {0: 2, 1: 12, 2: 20}  # trials until the operator stops for good, of some 23: 10, 50 and 90 %


def decide(study: RealStudy, command: str, day: int, *options: str) -> str:
    finished = closedloop(command, study.root, "--day", str(day), *options, "--why", "the animal was tired")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_sessions_stopped_at_10_50_and_90_percent_close_and_the_days_after_run(tmp_path: Path) -> None:
    protocol = tmp_path / "six_days.yaml"
    text = PROTOCOL.read_text().replace("\ndays: 2", f"\ndays: {N_DAYS}")
    protocol.write_text(text.replace("clean_per_day: 24", "clean_per_day: 22"))
    study = make_real_study(tmp_path / "study", protocol=protocol)
    seen: set[str] = set()
    for day in range(N_DAYS):
        planned = catalog.QUEUE.read(catalog.QUEUE.published(study.paths, day))
        clean = {image.image_id for image in planned.clean}
        if day in STOPPED:
            present = study.present(day, stops=(STOPPED[day],), for_good=True)
            with refused(
                SessionError, present, "found it stopped with", f"closedloop close-day {study.root} --day {day}"
            ):
                study.run()
            assert f"close-day {study.root} --day {day}" in closedloop("status", study.root).stdout
            assert f"Day {day} ended early: " in decide(study, "close-day", day)
            study.record(day)
        else:
            study.day_of_data(day)
        assert not clean & seen, "an image that was shown is not shown again"
        stimuli = catalog.STIMULI.read(catalog.STIMULI.published(study.paths, day))
        shown = catalog.JOURNAL.read(catalog.JOURNAL.published(study.paths, day)).presentations
        seen |= clean & {str(stimuli["image_id"][row.image_index]) for row in shown}
        outcome = study.go_on()
        assert outcome.day == min(day + 1, N_DAYS - 1)
    assert outcome.waiting_for is None

    missed = catalog.QUEUE.read(catalog.QUEUE.published(study.paths, 1)).not_shown
    assert missed is not None
    assert missed.n_images == missed.n_offered > 0
    plan = catalog.DAY_PLAN.read(catalog.DAY_PLAN.published(study.paths, 1))
    assert plan.not_shown_before == missed
    fit = catalog.FIT.read(catalog.FIT.published(study.paths, N_DAYS - 1))
    assert list(fit.days_not_fitted) == ["0"]
    assert [n > 0 for n in fit.n_fitted_by_day] == [False, *[True] * 5]
    page = (study.paths.report / "index.html").read_text()
    for day in STOPPED:
        assert f"Day {day} ended early: " in page
    assert "Nothing of day 0 is fitted: " in page
    assert verify_study(study.paths).faults == ()


def test_a_day_that_is_opened_again_and_shown_to_its_end_is_as_if_it_had_never_been_closed(
    real_study: RealStudy, tmp_path: Path
) -> None:
    never = RealStudy(StudyPaths(Path(shutil.copytree(real_study.root, tmp_path / "never"))))
    never.present(stops=(12,))
    never.record()
    never.run()

    real_study.present(stops=(12,), for_good=True)
    decide(real_study, "close-day", 0)
    decide(real_study, "reopen-day", 0)
    with refused(SessionError, real_study.paths.folder("present", 0), "found it stopped with"):
        real_study.run()
    real_study.resume()
    real_study.record()
    assert real_study.run().day == 1
    for stage in ("ingest", "refit", "evaluate", "queue"):
        made, other = (read_manifest(one.paths.folder(stage, 0)).outputs for one in (real_study, never))
        assert made == other


def kill_within_a_trial(study: RealStudy, day: int) -> int:
    """Leave of a stopped session what a rig leaves that is killed as an image comes on; return how many were shown."""
    place = catalog.JOURNAL.published(study.paths, day)
    rows = read_journal(place).rows
    begun = [number for number, row in enumerate(rows) if isinstance(row, PresentationBegun)]
    place.write_bytes(journal_bytes(rows[: begun[-2] + 1]) + b'{"event":"presen')
    catalog.SUMMARY.published(study.paths, day).unlink()
    return len(accepted(read_journal(place).rows))


def test_a_session_whose_rig_was_killed_is_closed_by_its_journal_and_the_next_day_runs(
    real_study: RealStudy, tmp_path: Path
) -> None:
    present = real_study.present(stops=(12,), for_good=True)
    n_shown = kill_within_a_trial(real_study, 0)
    refused_close = closedloop("close-day", real_study.root, "--day", "0", "--why", "the power was cut")
    assert refused_close.returncode == 1
    assert f"closedloop close-day {real_study.root} --day 0 --killed --why TEXT" in refused_close.stderr
    said = decide(real_study, "close-day", 0, "--killed")
    assert f"Day 0 ended early: {n_shown} of " in said
    real_study.record()
    kept = (present / "journal.jsonl").read_bytes()
    assert real_study.go_on().day == 1
    assert (present / "journal.jsonl").read_bytes() == kept
    quality = catalog.QUALITY.read(catalog.QUALITY.published(real_study.paths, 0))
    assert quality.n_used == n_shown
    page = (real_study.paths.report / "index.html").read_text()
    assert f"Day 0 ended early: {n_shown} of " in page
    export(real_study.root, tmp_path / "nwb", "--day", "0")
    with session_of(real_study.root, tmp_path / "nwb", Block(0)) as (file, files):
        assert_as_published(file, files, 0)
        assert file.notes.startswith(f"Day 0 ended early: {n_shown} of ")
    assert verify_study(real_study.paths).faults == ()
