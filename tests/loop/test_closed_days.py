"""Sessions of a simulated real study that end early: closed, what was shown counts, the rest is offered again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import SessionError
from closedloop.study.verification.study import verify_study
from tests.loop.real_study import PROTOCOL, RealStudy, make_real_study
from tests.loop.studies import closedloop
from tests.unit.messages import refused

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

N_DAYS = 6
STOPPED = {0: 2, 1: 12, 2: 20}  # trials until the operator stops for good, of some 23: 10, 50 and 90 %


def decide(study: RealStudy, command: str, day: int) -> str:
    finished = closedloop(command, study.root, "--day", str(day), "--why", "the animal was tired")
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
