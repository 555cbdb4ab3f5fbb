"""Single images through a whole small study, and the study of them on its published files alone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import closedloop as library
from tests.loop.studies import closedloop, closedloop_anew, run_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study of two days whose second one shows six images five times, for two sites."""

    def run(place: Path) -> subprocess.CompletedProcess[str]:
        text = (Path(__file__).parents[2] / "protocols" / "smoke.yaml").read_text()
        section = "image_sensitivity: {days: [1], n_sites: 2, n_images: 6, repetitions: 5}\n"
        text = text.replace("days: 1 ", "days: 2 ").replace("raw_days: [0] ", "raw_days: [0, 1] ")
        protocol = place.with_name("single_images.yaml")
        protocol.write_text(text.replace("controls:\n", f"{section}controls:\n"))
        return closedloop("dry-run", place, "--protocol", protocol)

    return run_once(tmp_path_factory, "single_images", run)


def analysed(
    study: Path, out: Path, *options: str, run: Callable[..., subprocess.CompletedProcess[str]] = closedloop
) -> subprocess.CompletedProcess[str]:
    return run("studies", "image-sensitivity", "--study", study, "--out", out, *options)


def test_the_day_shows_each_image_and_its_attacks_as_often_as_asked(study: Path) -> None:
    stimuli = library.open_study(study).stimuli(1)
    own = stimuli[stimuli["kind"] == "repeated"]
    clean = stimuli[(stimuli["kind"] == "clean") & (stimuli["role"] == "repeated")]
    assert (len(clean), len(own)) == (6, 6 * 2 * 2)
    assert set(own["repetitions"]) == set(clean["repetitions"]) == {5}
    assert sorted(set(own["site_index"])) == [0, 1]
    assert (own["realised_epsilon"] <= own["epsilon"]).all()
    assert set(own["predicted_sign"]) <= {-1, 1}
    assert "repeated" not in set(library.open_study(study).stimuli(0)["kind"])


def test_no_fit_has_seen_them_and_no_day_shows_them_again(study: Path) -> None:
    uses = pd.read_parquet(study / "day-00" / "queue" / "uses.parquet")
    queue = (study / "day-00" / "queue" / "queue.json").read_text()
    own = set(library.open_study(study).stimuli(1).query("role == 'repeated'")["image_id"])
    assert len(own) == 6
    assert not own & set(uses["image_id"])
    assert all(name in queue for name in own)
    assert library.open_study(study).fit(1).n_stimuli == len(fitted(study))


def fitted(study: Path) -> pd.DataFrame:
    """Return the stimuli that day 1's fit may use: fresh clean images and the attacks on them, of both days."""
    stimuli = library.open_study(study).stimuli()
    return stimuli[stimuli["kind"].isin(["clean", "attacked", "probe"]) & stimuli["role"].isin(["clean", "single"])]


def test_the_study_finds_the_curves_that_the_day_published(study: Path, tmp_path: Path) -> None:
    done = analysed(study, tmp_path, "--shams", "10", "--truth")
    assert done.returncode == 0, done.stderr
    published = pd.read_parquet(study / "day-01" / "evaluate" / "image_curves.parquet")
    found = pd.read_parquet(tmp_path / "curves.parquet")
    keys = ["neuroid_id", "image_id", "epsilon"]
    both = published.merge(found, on=keys, suffixes=("", "_found"))
    assert len(both) == len(published) == len(found) == 6 * 2 * 2
    for name in ("sensitivity", "standard_error", "slope", "p", "p_corrected"):
        np.testing.assert_allclose(both[name], both[f"{name}_found"], rtol=1e-4, atol=1e-9)
    page = (tmp_path / "index.html").read_text()
    assert "SIMULATION ONLY" in page
    assert "most had significantly positive slopes measured between ε = 1 to 10" in page


def test_a_second_run_leaves_the_same_bytes(study: Path, tmp_path: Path) -> None:
    for name, run in (("one", closedloop), ("two", closedloop_anew)):
        assert analysed(study, tmp_path / name, "--shams", "20", run=run).returncode == 0
    again = analysed(study, tmp_path / "one", "--shams", "20")
    assert again.returncode == 0
    one, two = (
        {path.name: path.read_bytes() for path in sorted((tmp_path / name).glob("*")) if path.is_file()}
        for name in ("one", "two")
    )
    assert one == two


def test_a_study_without_such_images_is_analysed_as_it_is(smoke_study: Path, tmp_path: Path) -> None:
    for options in (("--shams", "4", "--truth"), ("--shams", "0")):
        done = analysed(smoke_study, tmp_path, *options)
        assert done.returncode == 0, done.stderr
        assert "Each attacked image was shown 2 times" in (tmp_path / "index.html").read_text()
        left = {name for name in ("shams", "truth") if list(tmp_path.glob(f"{name}.*"))}
        assert left == ({"shams", "truth"} if "--truth" in options else set())  # nothing of other settings stays


def test_what_a_study_lacks_is_said_in_a_line(smoke_study: Path, tmp_path: Path) -> None:
    for options in (("--day", "5"), ("--day", "5", "--truth")):
        refused = analysed(smoke_study, tmp_path, *options)
        assert refused.returncode == 1
        assert len(refused.stderr.strip().splitlines()) == 1
    none = closedloop("studies", "image-sensitivity", "--study", tmp_path, "--out", tmp_path / "out")
    assert "expected a study folder, found no study.json" in none.stderr


def test_the_pages_show_single_images_and_the_scale_of_perturbations(study: Path) -> None:
    for name in ("index.html", "day-01.html"):
        page = (study / "report" / name).read_text()
        assert "As the paper&#39;s Figure 3B" in page
        assert "As the paper&#39;s Figure 1C" in page
        assert "As the paper&#39;s Figure 1B" in page
    assert "Figure 3B" not in (study / "report" / "day-00.html").read_text()
