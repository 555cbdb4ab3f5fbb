"""What a laboratory brings, brought whole: taken over as an animal's data, through every stage of a day."""

from __future__ import annotations

import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.study import StudyDocument
from closedloop.simulation.mark import SIMULATED_APPLICATION
from tests.loop.real_study import RECORDER, TRACKER, RealStudy
from tests.loop.studies import WAITING, closedloop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_day_that_a_laboratory_brings_is_taken_over_and_closed(real_study: RealStudy) -> None:
    real_study.day_of_data()
    finished = closedloop("run", real_study.root, "--settle", "0")
    assert finished.returncode == WAITING, finished.stdout + finished.stderr
    assert "day 1: the session is ready" in finished.stdout + finished.stderr
    quality = catalog.QUALITY.read(catalog.QUALITY.published(real_study.paths, 0))
    assert not quality.simulated
    assert quality.n_used > 0.95 * quality.n_presented
    pages = [page.read_text() for page in real_study.paths.report.glob("*.html")]
    assert pages
    assert not any("SIMULATED" in page or "(simulated)" in page for page in pages)


def test_a_session_of_two_launches_is_one_session(real_study: RealStudy) -> None:
    real_study.present(stops=(4,))
    real_study.record()
    assert (real_study.run().day, catalog.QUALITY.published(real_study.paths, 0).is_file()) == (1, True)
    journal = catalog.JOURNAL.read(catalog.JOURNAL.published(real_study.paths, 0))
    assert [launch.segment for launch in journal.launches] == [0, 1]


def test_nothing_of_the_simulated_real_study_says_that_it_is_simulated(real_study: RealStudy) -> None:
    real_study.day_of_data()
    assert not StudyDocument.read(real_study.paths.study).simulated
    journal = catalog.JOURNAL.read(catalog.JOURNAL.published(real_study.paths, 0))
    said = {(one.display, one.clock, one.gaze, one.codes, one.simulated) for one in journal.launches}
    assert said == {("psychopy", "real", TRACKER, "parallel", False)}
    assert journal.is_chained
    files = {path.name: path.read_bytes() for path in real_study.paths.folder("recording", 0).iterdir()}
    assert set(files) == {"array1.nev", "array1.ns6"}
    assert all(SIMULATED_APPLICATION.encode() not in content for content in files.values())
    assert RECORDER in files["array1.nev"]
