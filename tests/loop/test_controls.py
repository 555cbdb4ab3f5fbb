"""A study with every kind of control: what is shown again, what is shown unchanged, and every number of it again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.stimulus_set import StimulusSet, read_stimulus_set
from closedloop.artifacts.study import StudyPaths
from tests.loop.recompute import differences
from tests.loop.studies import PROTOCOL, closedloop, run_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study of two days with all controls."""

    def run(place: Path) -> subprocess.CompletedProcess[str]:
        text = PROTOCOL.read_text().replace("controls:\n", "controls:\n  yesterday: true\n  sham: true\n")
        text = text.replace("evaluation:\n", "evaluation:\n  other_site: true\n")
        protocol = place.with_name("two_days.yaml")
        protocol.write_text(text)
        return closedloop("dry-run", place, "--protocol", protocol)

    return run_once(tmp_path_factory, "controls", run)


def stimuli(study: Path, day: int) -> StimulusSet:
    return read_stimulus_set(reader_of(StudyPaths(study)), day)


def test_yesterdays_attacks_are_shown_again_byte_for_byte(study: Path) -> None:
    before, after = stimuli(study, 0), stimuli(study, 1)
    again = after.rows(kind="yesterday")
    assert not len(before.rows(kind="yesterday"))
    assert len(again) > 0
    for row in again:
        of = {name: after.columns[name][row] for name in ("image_id", "site_index", "epsilon", "role")}
        (shown,) = before.rows(kind="attacked", **of)
        np.testing.assert_array_equal(after.images[row], before.images[shown])
        assert after.columns["predicted_sign"][row] == before.columns["predicted_sign"][shown]


def test_a_sham_does_nothing_to_the_hidden_cortex(study: Path) -> None:
    truth = pd.read_csv(study / "report" / "truth.csv")
    assert truth[truth["estimate"] == "sham"]["mean"].tolist() == [0.0, 0.0]
    assert {"other_site", "yesterday"} < set(truth["estimate"])


def test_every_measured_number_of_a_control_is_what_the_published_tables_say(study: Path) -> None:
    assert differences(study) == []
    published = pd.read_csv(study / "report" / "sensitivity.csv")
    assert {"other_site", "yesterday", "sham"} < set(published["estimate"])


def test_every_file_is_what_its_manifest_says_and_nothing_is_left_to_do(study: Path) -> None:
    assert closedloop("verify", study).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in study.rglob("manifest.json")}
    assert closedloop("run", study).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in study.rglob("manifest.json")} == before


def test_the_pages_show_the_controls_and_the_intervals(study: Path) -> None:
    page = (study / "report" / "index.html").read_text()
    for words in ("What attacks do more than their controls", "sham, nothing changed", "better attacks"):
        assert words in page
    table = pd.read_csv(study / "report" / "intervals.csv")
    published = catalog.INTERVALS.read(study / "day-01" / "evaluate" / catalog.INTERVALS.name)
    assert (table["day"] == 1).sum() == len(published["day"])
    assert set(table["unit"]) == {"sigma", "sigma_corrected", "hz"}
