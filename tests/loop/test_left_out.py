"""Sites, days and presentations that people leave out of a simulated real study, and take in again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import REPLACED, StudyPaths
from closedloop.study.verification.study import verify_study
from tests.loop.real_study import RealStudy
from tests.loop.studies import closedloop

SECOND = Block(1, 2)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def recorded(scheduled_real_study: RealStudy, tmp_path_factory: pytest.TempPathFactory) -> RealStudy:
    """A simulated real study of two days, both recorded; to be copied, never changed."""
    folder = tmp_path_factory.mktemp("recorded") / "study"
    study = RealStudy(StudyPaths(Path(shutil.copytree(scheduled_real_study.root, folder))))
    for day in (0, 1):
        study.day_of_data(day)
        study.run()
    return study


@pytest.fixture
def study(recorded: RealStudy, tmp_path: Path) -> RealStudy:
    return RealStudy(StudyPaths(Path(shutil.copytree(recorded.root, tmp_path / "study"))))


def published(study: RealStudy) -> dict[str, str]:
    """Return the sha256 of every published file; what was kept aside (day-00/replaced) is none."""
    folders = [file.parent for file in study.root.rglob("manifest.json") if REPLACED not in file.parts]
    return {
        f"{folder.relative_to(study.root)}/{name}": entry.sha256
        for folder in sorted(folders)
        for name, entry in read_manifest(folder).outputs.items()
    }


def decide(study: RealStudy, *words: str) -> str:
    finished = closedloop(words[0], study.root, *words[1:], "--why", "as a test", "--by", "Ada")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def sites_of(study: RealStudy) -> list[str]:
    return [site.neuroid_id for site in catalog.SITES.read(catalog.SITES.published(study.paths, 0)).chosen()]


def made_again(before: dict[str, str], study: RealStudy) -> set[str]:
    return {name.rpartition("/")[0] for name, sha256 in published(study).items() if before.get(name) != sha256}


def test_a_site_is_left_out_and_taking_it_back_gives_the_study_without_it(study: RealStudy) -> None:
    before, site = published(study), sites_of(study)[1]
    said = decide(study, "exclude", "--site", site, "--from", "both")
    assert f"site {site}: left out of the fit and the evaluation." in said
    assert study.run().waiting_for is None
    assert made_again(before, study) == {f"day-0{day}/{stage}" for day in (0, 1) for stage in ("refit", "evaluate")}

    fit = catalog.FIT.read(catalog.FIT.published(study.paths, 1))
    evaluation = catalog.EVALUATION.read(catalog.EVALUATION.published(study.paths, 1))
    pairs = catalog.PAIRS.read(catalog.PAIRS.published(study.paths, 1))
    (n_taken,) = fit.left_out.values()
    assert fit.r_heldout[1] is None
    assert n_taken > evaluation.left_out[f"site {site}"] > 0
    assert evaluation.sigma_hz[site] is None
    of_site = pairs["neuroid_id"] == site
    assert np.isnan(pairs["change"][of_site]).all()
    assert np.isfinite(pairs["change"][~of_site]).any()

    page = (study.paths.report / "index.html").read_text()
    assert f"Left out by decision: site {site}: left out of the fit and the evaluation." in page
    assert "The session of day 1 stands as it was shown: it was made with" in page
    status = closedloop("status", study.root).stdout
    assert f"site {site}: left out of the fit and the evaluation" in status
    verification = verify_study(study.paths)
    assert verification.faults == ()
    assert any("stands as its session was shown" in note for note in verification.notes)

    decide(study, "include", "--site", "1", "--from", "both")
    assert study.run().waiting_for is None
    assert published(study) == before
    assert verify_study(study.paths).faults == ()
    assert "Left out" not in (study.paths.report / "index.html").read_text()


def test_presentations_and_a_whole_day_are_left_out(study: RealStudy) -> None:
    before = published(study)
    decide(study, "exclude", "--day", "1", "--presentations", "0-49", "--from", "evaluation")
    study.run()
    assert made_again(before, study) == {"day-01/evaluate"}
    evaluation = catalog.EVALUATION.read(catalog.EVALUATION.published(study.paths, 1))
    assert evaluation.left_out == {"presentations 0 to 49 of day 1": 50 * evaluation.n_sites}

    decide(study, "exclude", "--day", "1", "--from", "both")
    assert study.run().waiting_for is None
    fit = catalog.FIT.read(catalog.FIT.published(study.paths, 1))
    assert fit.n_fitted_by_day[0] > 0
    assert fit.n_fitted_by_day[1] == 0
    page = (study.paths.report / "index.html").read_text()
    assert "left out of the comparison: day 1, which has no site" in page

    decide(study, "include", "--day", "1", "--from", "both")
    decide(study, "include", "--day", "1", "--presentations", "0-49", "--from", "evaluation")
    study.run()
    assert published(study) == before


def test_presentations_of_a_second_session_and_the_whole_of_it_are_left_out(study: RealStudy) -> None:
    decide(study, "add-block", "--day", "1")
    assert (study.run().waiting_for or "").startswith("day 1, session 2: the session is ready")
    second = RealStudy(study.paths.at(SECOND))
    second.day_of_data(1)
    assert study.run().waiting_for is None
    before = published(study)
    of_second = {"day-01.2/refit", "day-01.2/evaluate"}

    stretch = ("--day", "1", "--block", "2", "--presentations", "0-49", "--from", "both")
    said = decide(study, "exclude", *stretch)
    assert "presentations 0 to 49 of day 1, session 2: left out of the fit and the evaluation." in said
    study.run()
    assert made_again(before, study) == of_second
    evaluation = catalog.EVALUATION.read(catalog.EVALUATION.published(second.paths, 1))
    assert evaluation.left_out == {"presentations 0 to 49 of day 1, session 2": 50 * evaluation.n_sites}
    fit = catalog.FIT.read(catalog.FIT.published(second.paths, 1))
    assert set(fit.left_out) == set(evaluation.left_out)
    pages = {page.name: page.read_text() for page in study.paths.report.glob("day-01*.html")}
    words = "presentations 0 to 49 of day 1, session 2"
    left_out = [f"Left out by decision: {words}" in pages[name] for name in ("day-01.html", "day-01.2.html")]
    assert left_out == [False, True]  # the first one's page tells the decision about its day, and has all it had
    for told in ("status", "history"):
        assert words in closedloop(told, study.root).stdout
    assert verify_study(study.paths).faults == ()

    decide(study, "exclude", "--day", "1", "--block", "2", "--from", "both")
    study.run()
    assert made_again(before, study) == of_second
    fit = catalog.FIT.read(catalog.FIT.published(second.paths, 1))
    assert [n > 0 for n in fit.n_fitted_by_day] == [True, True, False]
    decide(study, "include", *stretch)
    decide(study, "include", "--day", "1", "--block", "2", "--from", "both")
    assert study.run().waiting_for is None
    assert published(study) == before

    refused = closedloop("exclude", study.root, "--day", "0", "--block", "2", "--from", "both", "--why", "x")
    assert refused.returncode == 2
    assert "--block: expected a session of day 0 (1), found 2. Correct it." in refused.stderr
