"""A simulated real study is planned as its day will go: by the protocol in force, without what people left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.study import StudyPaths
from tests.loop.real_study import RealStudy
from tests.loop.studies import closedloop, one_line_error

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def after_day_0(scheduled_real_study: RealStudy, tmp_path_factory: pytest.TempPathFactory) -> RealStudy:
    """A simulated real study of two days whose session of day 1 is ready; to be copied, never changed."""
    folder = tmp_path_factory.mktemp("planned") / "study"
    study = RealStudy(StudyPaths(Path(shutil.copytree(scheduled_real_study.root, folder))))
    study.day_of_data()
    assert study.run().day == 1
    return study


@pytest.fixture
def study(after_day_0: RealStudy, tmp_path: Path) -> RealStudy:
    return RealStudy(StudyPaths(Path(shutil.copytree(after_day_0.root, tmp_path / "study"))))


def plan(study: RealStudy, *words: str) -> dict[str, Any]:
    finished = closedloop("plan", study.root, "--json", *words)
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def decide(study: RealStudy, *words: str | Path) -> None:
    finished = closedloop(words[0], study.root, *words[1:], "--why", "as a test", "--by", "Ada")
    assert finished.returncode == 0, finished.stdout + finished.stderr


def budget(study: RealStudy, day: int) -> int:
    """Return how many presentations the stage planned."""
    return catalog.DAY_PLAN.read(catalog.DAY_PLAN.published(study.paths, day)).budget.n_presentations


def sites(found: dict[str, Any]) -> list[str]:
    return [one["site"] for one in found["epsilons"][0]["sites"]]


def test_the_protocol_in_force_on_the_day_is_planned(study: RealStudy, tmp_path: Path) -> None:
    before = plan(study)
    assert (before["day"], before["n_presentations"]) == (1, budget(study, 1))
    differs = tmp_path / "differs.yaml"
    differs.write_text("{attack: {epsilons: [2.5, 5, 10]}, trial: {hours_per_day: 3}}\n")
    decide(study, "amend", differs, "--from-day", "1")
    found, page = plan(study), tmp_path / "page.html"
    assert [one["epsilon"] for one in found["epsilons"]] == [2.5, 5, 10]
    assert found["hours"]["allowed"] == 3
    (said,) = found["decisions"]["amended"]
    assert said.startswith("from day 1 on: attack.epsilons [2.5, 10.0] -> [2.5, 5.0, 10.0]")
    assert any("Epsilon 5, not shown yet" in line for line in found["assumptions"])
    text = closedloop("plan", study.root, "--out", page).stdout
    assert f"Amended: {said}." in text
    assert said.replace(">", "&gt;") in page.read_text()
    study.run()
    assert found["n_presentations"] == budget(study, 1) > before["n_presentations"]
    assert plan(study, "--day", "0")["decisions"]["amended"] == []


def test_what_is_left_out_is_neither_expected_nor_concluded_from(study: RealStudy, tmp_path: Path) -> None:
    before = plan(study)
    site, *others = sites(before)
    decide(study, "exclude", "--site", site, "--from", "evaluation")
    found = plan(study)
    assert sites(found) == others
    assert found["n_presentations"] == before["n_presentations"]  # the day's session is ready, with the site's attacks
    assert found["decisions"]["left_out"] == [f"site {site}: attacked, and not evaluated"]
    n_pairs, n_before = (one["epsilons"][0]["means"][0]["n_pairs"] for one in (found, before))
    assert n_pairs == n_before * len(others) // (1 + len(others))
    decide(study, "include", "--site", site, "--from", "evaluation")

    decide(study, "exclude", "--day", "0", "--presentations", "0-39", "--from", "evaluation")
    found, page = plan(study), tmp_path / "page.html"
    said = "presentations 0 to 39 of day 0: left out of the evaluation, nothing is concluded from it"
    assert found["decisions"]["left_out"] == [said]
    assert reliabilities(found) != reliabilities(before)
    assert error(found) != error(before)
    assert f"Left out: {said}." in closedloop("plan", study.root, "--out", page).stdout
    assert said in page.read_text()

    decide(study, "exclude", "--day", "0", "--from", "evaluation")
    found = plan(study)
    assert found["days"] == []
    assert "day 0: left out of the evaluation, nothing is concluded from it" in found["decisions"]["left_out"]
    assert set(reliabilities(found)) == {None}
    assert found["hours"]["sessions"] == [0]  # it took its time nevertheless
    decide(study, "include", "--day", "0", "--from", "evaluation")
    decide(study, "include", "--day", "0", "--presentations", "0-39", "--from", "evaluation")
    assert plan(study) == before


def test_a_day_of_which_no_site_would_count_is_refused(study: RealStudy) -> None:
    every = [word for one in sites(plan(study)) for word in ("--site", one)]
    decide(study, "exclude", *every, "--from", "evaluation", "--keep-attacking")
    assert "expected a site that counts on day 1, found all 3" in one_line_error(closedloop("plan", study.root))


def test_a_session_that_ended_early_offers_its_images_and_the_next_day_counts_them(
    scheduled_real_study: RealStudy, tmp_path: Path
) -> None:
    study = RealStudy(StudyPaths(Path(shutil.copytree(scheduled_real_study.root, tmp_path / "study"))))
    study.present(stops=(2,), for_good=True)
    begun = plan(study)
    shown = catalog.SUMMARY.read(catalog.SUMMARY.published(study.paths, 0)).n_accepted
    assert (begun["day"], begun["n_shown"]) == (0, shown)
    left = begun["n_presentations"] - shown
    assert f"{shown} are shown, {left} are left" in closedloop("plan", study.root).stdout
    decide(study, "close-day", "--day", "0")
    assert plan(study)["day"] == 1
    study.record()
    study.run()
    found = plan(study)
    (said,) = found["decisions"]["sessions"]
    assert said.startswith("day 0 ended early: ")
    assert found["decisions"]["left_out"] == []
    (held,) = found["decisions"]["held"]  # of two trials no clock is told
    assert held.startswith("day 0 intake, recording_aligned: ")
    missed = found["decisions"]["not_shown_before"]
    assert missed["day"] == 0
    assert missed["n_offered"] == missed["n_images"] > 0
    assert found["n_presentations"] == sum(found["presentations"].values()) == budget(study, 1)
    text = closedloop("plan", study.root).stdout
    assert f"clean images that nobody saw {missed['n_offered']} are among this day's" in text
    assert f"Held: {held}" in text
    pace = catalog.SUMMARY.read(catalog.SUMMARY.published(study.paths, 0))
    hours = found["n_presentations"] * pace.duration_s / pace.n_accepted / 3600
    assert found["hours"]["expected"] == pytest.approx(hours)


def test_a_second_session_is_planned_and_a_skipped_day_is_not(study: RealStudy) -> None:
    decide(study, "add-block", "--day", "0")
    found = plan(study)
    assert (found["day"], found["block"], found["days"]) == (0, 2, [0])
    assert any("added by Ada" in line for line in plan(study, "--day", "1")["decisions"]["sessions"])
    text = closedloop("plan", study.root).stdout
    assert text.startswith("Day 0, session 2 of monkey, protocol two_days: expected from what day 0 measured.")
    assert "of day 0, session 2 alone" in text
    assert "block" not in plan(study, "--day", "0", "--block", "1")
    assert "expected a session of day 1" in refused(study, "--day", "1", "--block", "2")
    decide(study, "drop-block", "--day", "0")
    decide(study, "skip-day", "--day", "1")
    assert "--day: expected a day with a session, found day 1, which is skipped." in refused(study, "--day", "1")


def refused(study: RealStudy, *words: str) -> str:
    finished = closedloop("plan", study.root, *words)
    assert finished.returncode == 2
    return finished.stderr


def reliabilities(found: dict[str, Any]) -> list[float | None]:
    return [one["reliability"] for one in found["epsilons"][0]["sites"]]


def error(found: dict[str, Any]) -> float:
    return float(found["epsilons"][-1]["means"][0]["standard_error"])
