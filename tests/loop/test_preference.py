"""A study whose last day attacks images of least preferred categories, through its real files, and the study of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

import closedloop as library
from closedloop.artifacts import catalog
from closedloop.artifacts.day.queue import ImageQueue
from closedloop.artifacts.day_use import PREFERENCE, evaluated_clean_rows
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.stimulus_set import read_stimulus_set
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import read_table
from closedloop.studies.category_preference.documents import SITE_PREFERENCES, CategoryPreferenceStudy
from tests.loop.studies import PROTOCOL, closedloop, run_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

N_IMAGES, N_SITES = 2, 3


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study of two days and five categories, the second of which raises sites on what they like least."""

    def run(place: Path) -> subprocess.CompletedProcess[str]:
        asked = f"preference: {{images_per_site: {N_IMAGES}, n_categories: 2, epsilons: [5, 20], repetitions: 2}}\n"
        text = (
            PROTOCOL.read_text()
            .replace("attack:\n", f"{asked}attack:\n")
            .replace("n_categories: 30", "n_categories: 5", 1)
        )
        protocol = place.with_name("preference.yaml")
        protocol.write_text(text)
        return closedloop("dry-run", place, "--protocol", protocol)

    return run_once(tmp_path_factory, "preference", run)


def queue_of(study: Path, day: int) -> ImageQueue:
    return catalog.QUEUE.read(catalog.QUEUE.published(StudyPaths(study), day))


def test_what_the_day_before_chose_is_what_is_shown_attacked_upwards_and_none_of_it_is_an_estimate(study: Path) -> None:
    assert queue_of(study, 0).preference == ()
    chosen = queue_of(study, 1).preference
    assert len(chosen) == N_SITES
    stimuli = read_stimulus_set(reader_of(StudyPaths(study)), 1)
    raised = stimuli.rows(kind=PREFERENCE)
    assert len(raised) == N_SITES * N_IMAGES * 2
    assert set(stimuli.columns["predicted_sign"][raised].tolist()) == {1}
    of_site = {one.site_index: {image.image_id for image in one.least_images} for one in chosen}
    for row in raised:
        assert stimuli.columns["image_id"][row] in of_site[int(stimuli.columns["site_index"][row])]
    assert not set(evaluated_clean_rows(stimuli).tolist()) & set(stimuli.rows(role=PREFERENCE).tolist())
    sensitivity = library.open_study(study).sensitivity()
    assert set(sensitivity["epsilon"]) == {2.5, 10.0}
    uses = catalog.USES.read(catalog.USES.published(StudyPaths(study), 0))
    assert PREFERENCE not in uses["use"].tolist()


def test_the_study_of_it_takes_fresh_images_for_the_level_and_draws_figure_2(study: Path, tmp_path: Path) -> None:
    finished = closedloop("studies", "category-preference", "--study", study, "--out", tmp_path / "out")
    assert finished.returncode == 0, finished.stderr
    document = CategoryPreferenceStudy.read(tmp_path / "out" / "settings.json")
    assert (document.attacks, document.attack_day, document.epsilons) == ("least_preferred", 1, (5.0, 20.0))
    sites = read_table(tmp_path / "out" / "sites.parquet", SITE_PREFERENCES)
    assert set(sites["level"].tolist()) == {"fresh"}
    assert (sites["n_attacked_images"] <= N_IMAGES).all()
    opened = library.open_study(study)
    shown, rates = opened.presentations(1), opened.responses(1)
    for one in queue_of(study, 1).preference:
        names = [image.image_id for image in one.preferred_images]
        own = shown["used"] & (shown["kind"] == "clean") & shown["image_id"].isin(names)
        level = rates.loc[own, one.neuroid_id].groupby(shown.loc[own, "image_id"]).mean().mean()
        (found,) = sites["level_hz"][sites["neuroid_id"] == one.neuroid_id]
        assert found == pytest.approx(level, nan_ok=True)
    page = (tmp_path / "out" / "index.html").read_text()
    assert all(f"Figure 2{letter}" in page for letter in "ABC")
    assert np.isfinite(sites["level_hz"]).any()


def test_the_days_own_page_says_whose_images_they_are(study: Path) -> None:
    page = (study / "report" / "day-01.html").read_text()
    assert "images of the categories that each site liked least on the days before" in page
    assert "for category preference 12 clean and 12 attacked images" in page
