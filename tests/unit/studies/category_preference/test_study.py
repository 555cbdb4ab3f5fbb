"""`closedloop studies category-preference` on the published files of a finished study that was not made for it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import closedloop
from closedloop.access.clean_responses import clean_responses
from closedloop.artifacts.tables import read_table
from closedloop.errors import StudyError
from closedloop.studies.category_preference.documents import SITE_PREFERENCES, SITE_RATES, CategoryPreferenceStudy
from closedloop.studies.category_preference.pictures import shown_epsilons
from closedloop.studies.category_preference.run import run_preference
from closedloop.studies.category_preference.settings import PreferenceFiles


@pytest.fixture(scope="module")
def results(smoke_study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[PreferenceFiles, list[str]]:
    out = tmp_path_factory.mktemp("preference") / "out"
    return PreferenceFiles(out), run_preference(smoke_study, out, seed=0, workers=None, command="closedloop studies")


def test_one_image_a_category_says_no_level_and_that_is_said(results: tuple[PreferenceFiles, list[str]]) -> None:
    files, lines = results
    sites = read_table(files.sites, SITE_PREFERENCES)
    assert np.isfinite(sites["preferred_hz"]).any() == any("cross-validated" in line for line in lines)
    if not np.isfinite(sites["preferred_hz"]).any():
        assert any("no preferred level can be known" in line for line in lines)
        assert np.isnan(sites["epsilon_reached"]).all()


def test_a_study_without_attacks_made_for_it_gives_its_ordinary_ones_that_were_to_raise_and_says_so(
    results: tuple[PreferenceFiles, list[str]], smoke_study: Path
) -> None:
    files, lines = results
    document = CategoryPreferenceStudy.read(files.settings)
    assert (document.attacks, document.attack_day, document.simulated) == ("any_category", 0, True)
    assert any("ordinary attacks whose sealed sign is up" in line for line in lines)
    rates = read_table(files.rates, SITE_RATES)
    pairs = closedloop.open_study(smoke_study).pairs(0)
    raised = pairs[(pairs["kind"] == "attacked") & (pairs["predicted_sign"] > 0)]
    for site in set(rates["neuroid_id"].tolist()):
        own = raised[raised["neuroid_id"] == site]
        whole = own.groupby("image_id").filter(lambda rows: len(rows) == len(document.epsilons))
        at_10 = whole.loc[whole["epsilon"] == 10, "rate_changed_hz"]
        row = np.flatnonzero((rates["neuroid_id"] == site) & (rates["epsilon"] == 10))
        assert len(at_10) >= rates["n_images"][row[0]] > 0
        if len(at_10) == rates["n_images"][row[0]]:
            assert rates["rate_hz"][row[0]] == pytest.approx(at_10.mean())


def test_tables_and_page_are_there_and_the_same_again(
    results: tuple[PreferenceFiles, list[str]], smoke_study: Path, tmp_path: Path
) -> None:
    files, _ = results
    run_preference(smoke_study, tmp_path, seed=0, workers=None, command="closedloop studies")
    for path in sorted(files.folder.iterdir()):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
    with files.sites.with_suffix(".csv").open() as text:
        assert len(list(csv.DictReader(text))) == len(read_table(files.sites, SITE_PREFERENCES)["neuroid_id"])
    assert "SIMULATED" in files.page.read_text()


def test_what_is_no_study_is_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError):
        run_preference(tmp_path / "nothing", tmp_path / "out", seed=0, workers=None, command="")


def test_clean_responses_can_be_brought_to_the_scale_of_any_day(smoke_study: Path) -> None:
    study = closedloop.open_study(smoke_study)
    np.testing.assert_array_equal(clean_responses(study).rates_hz, clean_responses(study, scale_of=0).rates_hz)


def test_two_epsilons_are_shown_where_there_are_two() -> None:
    assert shown_epsilons((1.0, 2.5, 5.0, 10.0)) == (2.5, 10.0)
    assert shown_epsilons((2.0, 3.1)) == (2.0, 3.1)
