"""A simulated real study of two arrays that loses one on day 2: taken in without it, and said in the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.study.verification.study import verify_study
from tests.loop.real_study import PROTOCOL, make_real_study
from tests.loop.studies import closedloop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_day_without_an_array_is_taken_in_and_the_array_left_out_from_then_on(tmp_path: Path) -> None:
    protocol = tmp_path / "two_arrays.yaml"
    text = PROTOCOL.read_text().replace("\ndays: 2", "\ndays: 4").replace("n_sites: 3", "n_sites: 5")
    protocol.write_text(text.replace("  n_electrodes: 8\n", "  n_electrodes: 8\n  n_processors: 2\n"))
    study = make_real_study(tmp_path / "study", protocol=protocol, arrays=("array1", "array2"))
    for day in (0, 1):
        study.day_of_data(day)
        assert study.run().day == day + 1
    chosen = [site.neuroid_id for site in catalog.SITES.read(catalog.SITES.published(study.paths, 0)).chosen()]
    lost = [name for name in chosen if name.startswith("array2")]
    assert 0 < len(lost) < len(chosen)

    study.day_of_data(2)
    for file in study.paths.folder("recording", 2).glob("array2*"):
        file.unlink()
    assert "the recording of array2 is not there" in (study.run().waiting_for or "")
    for words in (
        ("accept-recording", "--day", "2"),
        ("exclude", "--array", "array2", "--from-day", "2", "--from", "both"),
    ):
        finished = closedloop(words[0], study.root, *words[1:], "--why", "its connector broke")
        assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Attacked no longer from day 3 on" in finished.stdout
    assert study.go_on().day == 3

    evaluation = catalog.EVALUATION.read(catalog.EVALUATION.published(study.paths, 2))
    assert evaluation.left_out == {"array array2 from day 2 on": 0}  # nothing was recorded of it
    assert {name for name, hz in evaluation.sigma_hz.items() if hz is None} == set(lost)
    items = catalog.PLANNED_ITEMS.read(catalog.PLANNED_ITEMS.published(study.paths, 3))
    attacked = set(items["site_index"][items["kind"] == "attacked"].tolist())
    assert attacked == {place for place, name in enumerate(chosen) if name not in lost}

    study.day_of_data(3)
    assert study.go_on().waiting_for is None
    page = (study.paths.report / "index.html").read_text()
    assert "Left out by decision: array array2 from day 2 on: left out of the fit and the evaluation." in page
    assert f"Days are compared by the paper&#39;s estimate over the {len(chosen) - len(lost)} sites" in page
    assert f"{lost[0]} (not on day 2, 3)" in page
    assert "Not attacked on day 3: array array2 from day 2 on" in page
    pairs = catalog.PAIRS.read(catalog.PAIRS.published(study.paths, 3))
    assert np.isfinite(pairs["change"]).any()
    assert verify_study(study.paths).faults == ()
