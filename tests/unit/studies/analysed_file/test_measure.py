"""What a file says of its sites, against closed forms and against what was made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closedloop.exchange.reading.responses import FileResponses, SaidOfPresentations, assemble
from closedloop.studies.analysed_file.measure import FileAnalysis, analyse_file, clean_of_file
from closedloop.studies.analysed_file.run import write_analysis

N_IMAGES, N_SITES, N_REPETITIONS = 300, 6, 4
CATEGORIES = 10
RANDOM = np.random.default_rng(0)
TRUE = 50 + 10 * RANDOM.normal(size=(N_IMAGES, N_SITES))
TRUE[np.arange(N_IMAGES) % CATEGORIES == 3, 0] += 40  # what site 0 prefers
INDEX = np.tile(np.arange(N_IMAGES), N_REPETITIONS)
RATES = TRUE[INDEX] + 10 * RANDOM.normal(size=(len(INDEX), N_SITES))
NAMES = [f"im{number:03d}" for number in range(N_IMAGES)]


def responses(**about: object) -> FileResponses:
    said = SaidOfPresentations(
        category=np.array([f"category {number % CATEGORIES}" for number in INDEX]),
        **about,  # type: ignore[arg-type]
    )
    image_of = [NAMES[number] for number in INDEX]
    sites = [f"site {number}" for number in range(N_SITES)]
    return assemble(RATES, image_of, sites, said, format="made", unit="Hz", simulated=False, said={})


def analysed(found: FileResponses, *, seed: int = 0) -> FileAnalysis:
    return analyse_file(found, source="made.csv", sha256="0" * 64, seed=seed, progress=lambda _done, _total: None)


@pytest.fixture(scope="module")
def whole() -> FileAnalysis:
    return analysed(responses())


def test_reliability_is_what_noise_of_known_variance_leaves(whole: FileAnalysis) -> None:
    expected = 1 / (1 + 1 / N_REPETITIONS)  # images vary as much as the noise of one presentation
    found = whole.sites["reliability"][1:]
    assert found == pytest.approx(np.full(N_SITES - 1, expected), abs=0.05)
    assert whole.sites["ceiling"] == pytest.approx(np.sqrt(whole.sites["reliability"]))
    low, high = whole.sites["reliability_low"][1:], whole.sites["reliability_high"][1:]
    assert (low < expected).all()
    assert (high > expected - 0.02).all()
    mean = whole.document.recordings[0].reliability
    assert mean.low is not None
    assert mean.high is not None
    assert 0 < mean.high - mean.low < np.mean(high - low)  # sites share no noise: their mean is known better


def test_sigma_with_and_without_noise(whole: FileAnalysis) -> None:
    assert whole.sites["sigma"][1:] == pytest.approx(np.full(N_SITES - 1, np.sqrt(100 + 100 / N_REPETITIONS)), rel=0.1)
    assert whole.sites["sigma_corrected"][1:] == pytest.approx(np.full(N_SITES - 1, 10.0), rel=0.1)
    assert (whole.sites["sigma_low"] < whole.sites["sigma"]).all()


def test_the_preferred_category_is_the_one_that_was_made_so(whole: FileAnalysis) -> None:
    assert whole.preferences is not None
    assert whole.preferences["preferred"][0] == "category 3"
    assert whole.preferences["preferred_agreement"][0] == 1.0
    made = TRUE[np.arange(N_IMAGES) % CATEGORIES == 3, 0].mean()
    assert whole.preferences["preferred_low"][0] < made < whole.preferences["preferred_high"][0]
    assert whole.document.n_categories == CATEGORIES


def test_sites_without_reliability_and_missing_responses_are_told() -> None:
    """Site 3 answers by noise alone; a hundredth of what the others do is not there."""
    noise, absent = np.random.default_rng(1), np.zeros(RATES.shape, dtype=bool)
    rates = RATES.copy()
    rates[:, 3] = noise.normal(size=len(rates))
    absent[::100, :2] = True
    rates[absent] = np.nan
    image_of, sites = [NAMES[number] for number in INDEX], [f"site {number}" for number in range(N_SITES)]
    found = assemble(rates, image_of, sites, SaidOfPresentations(), format="made", unit="Hz", simulated=False, said={})
    said = analysed(found).document.notices
    assert any(line.endswith("at 1 of 6 sites, which the means count all the same: site 3.") for line in said)
    assert "24 of 7,200 responses are missing (NaN): they count nowhere." in said


def test_nothing_is_told_of_whole_files_of_reliable_sites(whole: FileAnalysis) -> None:
    assert whole.document.notices == ()


def test_changed_images_and_rejected_presentations_do_not_count(whole: FileAnalysis) -> None:
    kind = np.where(INDEX >= 250, "attacked", "clean")
    found = analysed(responses(kind=kind, role=np.full(len(INDEX), "clean")))
    assert found.document.n_images == 250
    assert any("200 presentations of changed images are left out" in line for line in found.document.notices)
    half = analysed(responses(used=np.arange(len(INDEX)) < 2 * N_IMAGES))
    assert half.document.recordings[0].n_presentations == 2 * N_IMAGES
    assert (half.sites["reliability"][1:] < whole.sites["reliability"][1:]).all()


def test_sessions_that_a_file_tells_apart_are_analysed_one_by_one() -> None:
    day = np.where(np.arange(len(INDEX)) < 2 * N_IMAGES, "0", "1")
    found = responses(day=day, session=np.full(len(INDEX), "1"))
    assert found.recordings == ("day 0", "day 1")
    assert [one.n_presentations for one in analysed(found).document.recordings] == [2 * N_IMAGES] * 2
    assert clean_of_file(found).unscaled == ""


def test_averages_alone_have_no_reliability(tmp_path: Path) -> None:
    found = analysed(responses(used=np.arange(len(INDEX)) < N_IMAGES))
    assert np.isnan(found.sites["reliability"]).all()
    assert found.document.recordings[0].reliability.mean is None
    assert found.document.recordings[0].sigma.mean is not None
    assert any("fewer than three images were shown twice" in line for line in found.document.notices)
    lines = write_analysis(found, None, tmp_path / "out", command="closedloop analyse made.csv")
    assert any("reliability unknown" in line for line in lines)


def test_the_page_has_the_numbers_of_the_tables_and_is_the_same_again(whole: FileAnalysis, tmp_path: Path) -> None:
    for _ in range(2):
        write_analysis(whole, None, tmp_path / "out", command="closedloop analyse made.csv", without="Said so.")
        page = (tmp_path / "out" / "index.html").read_bytes()
        (tmp_path / "before").mkdir(exist_ok=True)
        before = tmp_path / "before" / "index.html"
        assert not before.exists() or before.read_bytes() == page
        before.write_bytes(page)
    text = page.decode()
    assert f"{whole.sites['reliability'][2]:.3f}" in text
    assert "category 3" in text
    assert "Said so." in text
    header, *rows = (tmp_path / "out" / "sites.csv").read_text().splitlines()
    assert header.startswith("recording,site,n_images")
    assert len(rows) == N_SITES


def test_the_same_seed_gives_the_same_numbers_and_another_one_hardly_others(whole: FileAnalysis) -> None:
    again, other = analysed(responses()), analysed(responses(), seed=1)
    assert again.sites["reliability"].tolist() == whole.sites["reliability"].tolist()
    assert other.sites["reliability"].tolist() != whole.sites["reliability"].tolist()
    assert other.sites["reliability"] == pytest.approx(whole.sites["reliability"], abs=0.03)


def test_sites_that_say_nothing_are_named_and_prefer_nothing(tmp_path: Path) -> None:
    rates = RATES.copy()
    rates[:, 1], rates[:, 2] = np.nan, 0.0
    found = replace(responses(), rates=rates)
    analysis = analysed(found)
    assert [one for one in analysis.document.notices if "Sites" in one] == [
        "Sites without any response, that count nowhere: site 1.",
        "Sites that answer every image alike, of which sigma is 0 and the rest unknown: site 2.",
    ]
    assert [row["preferred"] for row in analysis.preferred[:3]] == ["category 3", "", ""]
    (line,) = [one for one in write_analysis(analysis, None, tmp_path, command="c") if one.startswith("reliability")]
    assert "(4 sites), sigma" in line
    assert line.endswith("means over 5 sites.")
