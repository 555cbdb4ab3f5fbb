"""Planes of images through a whole small study, and the study of geometry on its published files alone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import closedloop as library
from closedloop.studies.response_geometry.recorded import shown_planes
from tests.loop.studies import closedloop, closedloop_anew, run_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study of two days whose second one shows planes of 3 x 3 images for two sites."""

    def run(place: Path) -> subprocess.CompletedProcess[str]:
        text = (Path(__file__).parents[2] / "protocols" / "smoke.yaml").read_text()
        section = "plane: {days: [1], n_sites: 2, side: 3, repetitions: 5}\n"
        text = text.replace("days: 1 ", "days: 2 ").replace("raw_days: [0] ", "raw_days: [0, 1] ")
        protocol = place.with_name("planes.yaml")
        protocol.write_text(text.replace("controls:\n", f"{section}controls:\n"))
        return closedloop("dry-run", place, "--protocol", protocol)

    return run_once(tmp_path_factory, "planes", run)


def analysed(
    study: Path, out: Path, *options: str, run: Callable[..., subprocess.CompletedProcess[str]] = closedloop
) -> subprocess.CompletedProcess[str]:
    return run(
        *("studies", "response-geometry", "--study", study, "--images-per-unit", "1", "--simulated-sites", "0"),
        *("--out", out, *options),
    )


def test_the_day_shows_every_place_as_often_as_asked_and_nothing_else_knows_it(study: Path) -> None:
    opened = library.open_study(study)
    stimuli = opened.stimuli(1)
    own = stimuli[stimuli["kind"] == "plane"]
    middle = stimuli[(stimuli["kind"] == "clean") & (stimuli["role"] == "plane")]
    assert (len(middle), len(own)) == (2, 16)
    assert set(own["repetitions"]) == set(middle["repetitions"]) == {5}
    places = opened.plane_places(1)
    assert len(places) == 18
    np.testing.assert_allclose(places["shown_along"], places["along"], atol=6)  # black and white hold some back
    assert "plane" not in set(opened.pairs(1)["kind"])
    uses = pd.read_parquet(study / "day-00" / "queue" / "uses.parquet")
    assert not set(middle["image_id"]) & set(uses["image_id"])
    assert "plane" not in set(library.open_study(study).stimuli(0)["kind"])


def test_curvatures_are_published_with_what_was_sealed_beside_them(study: Path) -> None:
    opened = library.open_study(study)
    planes, hidden = opened.planes(), opened.planes(truth=True)
    assert len(planes) == 2
    assert "true_edge" not in planes
    assert np.isfinite(hidden["true_edge"]).all()
    assert (planes["edge_low"] < planes["edge"]).all()
    assert np.isfinite(planes["predicted_edge"]).all()


def test_the_study_finds_what_the_day_published_and_leaves_the_same_bytes_again(study: Path, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    earlier = [tmp_path / "two" / f"coverage.{ending}" for ending in ("csv", "parquet")]
    for path in earlier:  # of a run that tried intervals on simulated sites
        path.write_bytes(b"earlier")
    for name, run in (("one", closedloop), ("two", closedloop_anew)):
        done = analysed(study, tmp_path / name, "--truth", run=run)
        assert done.returncode == 0, done.stderr
    assert not any(path.exists() for path in earlier)
    found = pd.read_parquet(tmp_path / "one" / "recorded_planes.parquet")
    published = library.open_study(study).planes(truth=True)
    np.testing.assert_allclose(found["curvature"], published["curvature"])
    evaluation = library.open_study(study).evaluation(1)
    scales = [(evaluation.z_sd_hz[site], evaluation.sigma_hz[site]) for site in published["neuroid_id"]]
    sigma_of_z = [sd_hz / sigma_hz for sd_hz, sigma_hz in scales if sd_hz and sigma_hz]
    np.testing.assert_allclose(found["foretold_edge"], published["predicted_edge"] * sigma_of_z)  # never z beside sigma
    assert (tmp_path / "one" / "index.html").read_text().count("SIMULATION ONLY") == 1
    one, two = (
        {path.name: path.read_bytes() for path in sorted((tmp_path / name).glob("*")) if path.is_file()}
        for name in ("one", "two")
    )
    assert one == two


def test_a_study_without_planes_says_so_and_shows_its_sites(smoke_study: Path, tmp_path: Path) -> None:
    done = analysed(smoke_study, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The study has shown no planes of images" in done.stdout
    assert not len(pd.read_parquet(tmp_path / "recorded_planes.parquet"))
    assert len(pd.read_parquet(tmp_path / "gradients.parquet"))


def test_what_cannot_be_is_said_in_a_line(tmp_path: Path) -> None:
    none = closedloop("studies", "response-geometry", "--study", tmp_path, "--out", tmp_path / "out")
    assert "expected a study folder, found no study.json" in none.stderr
    many = closedloop(
        *("studies", "response-geometry", "--network", "small_resnet_robust", "--units", "65", "--out", tmp_path / "o")
    )
    assert (many.returncode, len(many.stderr.strip().splitlines())) == (1, 1)
    assert "--units: expected at most 64" in many.stderr
    truth = closedloop(
        *("studies", "response-geometry", "--network", "small_resnet_robust", "--truth", "--out", tmp_path / "t")
    )
    assert "--truth: expected a simulated study" in truth.stderr


def test_what_people_left_out_is_not_drawn_and_a_plane_hardly_shown_is_evaluated_at_once(
    study: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    before = shown_planes(library.open_study(copy))
    shown = library.open_study(copy).presentations(1)
    last = int(shown.index[(shown["kind"] == "plane") & shown["used"]][-1])
    left = closedloop(
        *("exclude", copy, "--from", "evaluation", "--why", "it slept", "--day", "1"),
        *("--presentations", f"30-{last - 12}"),
    )
    assert left.returncode == 0, left.stderr
    done = closedloop("run", copy)
    assert done.returncode == 0, done.stderr
    after = shown_planes(library.open_study(copy))
    known = [sum(int(np.isfinite(one.response).sum()) for one in of) for of in (before, after)]
    assert known[0] == 18 > known[1]
    fits = library.open_study(copy).planes()
    assert (fits["n_images"] < 9).all()
    page = analysed(copy, tmp_path / "page")
    assert page.returncode == 0, page.stderr
    assert "nan" not in (tmp_path / "page" / "index.html").read_text().split("Recorded planes")[-1].split("<svg")[0]
