"""A study whose model is an ensemble and whose days show probes, through its real files."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.day_use import PROBE, fitted_rows, held_out_probe_rows
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.stimulus_set import StimulusSet, read_stimulus_set
from closedloop.artifacts.study import StudyPaths
from tests.loop.studies import PROTOCOL, closedloop, run_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

N_PROBES, N_HELD_OUT, N_SINGLES, N_SINGLES_ON_DAY_0 = 8, 3, 6, 9


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study of two days, two members and probes, which attacks nothing on day 0."""

    def run(place: Path) -> subprocess.CompletedProcess[str]:
        members = "ensemble:\n  - {architecture: small_smooth, layer: layer3.0, weights: small_smooth_robust}\n"
        probes = f"probes: {{per_day: {N_PROBES}, held_out: {N_HELD_OUT}, singles: {N_SINGLES}, steps: 2, "
        probes += f"singles_on_day_0: {N_SINGLES_ON_DAY_0}, disagreement: 0.75}}\n"
        text = PROTOCOL.read_text().replace("attack:\n", f"{members}{probes}attack:\n  first_day: 1\n")
        text = text.replace("fit:\n", "fit:\n  first_epochs: 3\n  decay_images: 20\n")
        protocol = place.with_name("two_days.yaml")
        protocol.write_text(text)
        return closedloop("dry-run", place, "--protocol", protocol)

    return run_once(tmp_path_factory, "ensemble", run)


def stimuli(study: Path, day: int) -> StimulusSet:
    return read_stimulus_set(reader_of(StudyPaths(study)), day)


def shown_as(of_day: StimulusSet, rows: np.ndarray) -> set[str]:
    return set(of_day.columns["stimulus_id"][rows].tolist())


def test_no_byte_of_what_is_evaluated_was_ever_fitted(study: Path) -> None:
    days = [stimuli(study, day) for day in (0, 1)]
    fitted = set.union(*(shown_as(day, fitted_rows(day)) for day in days))
    for day in days:
        rows = fitted_rows(day)
        assert shown_as(day, np.setdiff1d(np.arange(len(day.images)), rows)).isdisjoint(fitted)
    pairs = catalog.PAIRS.read(catalog.PAIRS.published(StudyPaths(study), 1))
    anchors = {*pairs["stimulus_id"][pairs["role"] == "anchor"].tolist()}
    assert anchors
    assert anchors.isdisjoint(fitted)
    assert set(pairs["kind"]) == {"attacked", "gaussian", "linear"}


def test_a_day_shows_its_probes_and_singles_once(study: Path) -> None:
    first, second = stimuli(study, 0), stimuli(study, 1)
    assert len(first.rows(role="single")) == N_SINGLES_ON_DAY_0
    assert len(second.rows(kind="clean", role="single")) == N_SINGLES
    assert not len(first.rows(kind=(PROBE, "attacked", "gaussian")))
    assert len(second.rows(kind=PROBE)) == N_PROBES + N_HELD_OUT
    assert len(held_out_probe_rows(second)) == N_HELD_OUT
    once = second.rows(kind=PROBE).tolist() + second.rows(kind="clean", role="single").tolist()
    assert set(second.columns["repetitions"][once].tolist()) == {1}
    uses = catalog.USES.read(catalog.USES.published(StudyPaths(study), 0))
    assert uses["fitted"][uses["use"] == "single"].all()


def test_the_fit_says_what_each_member_learned_and_how_right_it_is_on_probes(study: Path) -> None:
    fit = catalog.FIT.read(catalog.FIT.published(StudyPaths(study), 1))
    assert [member.architecture for member in fit.members] == ["small_resnet", "small_smooth"]
    assert fit.n_heldout_probes == N_HELD_OUT
    assert fit.weight_decay is not None
    assert fit.weight_decay < 0.0001
    evaluation = catalog.EVALUATION.read(catalog.EVALUATION.published(StudyPaths(study), 1))
    assert evaluation.probes is not None
    assert (evaluation.probes.n, evaluation.probes.n_fitted) == (N_PROBES + N_HELD_OUT, N_PROBES)
    assert len(evaluation.probes.r_of_members) == 2


def test_what_was_made_by_one_process_is_what_two_made(study: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(study, again)
    for stage in ("synthesize", "refit"):
        shutil.rmtree(again / "day-01" / stage)
    assert closedloop("run", again, "--workers", "1").returncode == 0
    for name in ("synthesize/images.h5", "synthesize/members.h5", "refit/model.safetensors", "refit/fit.json"):
        assert (again / "day-01" / name).read_bytes() == (study / "day-01" / name).read_bytes(), name


def test_pages_and_status_say_of_what_the_model_consists(study: Path) -> None:
    page = (study / "report" / "index.html").read_text()
    assert "small_resnet_robust, small_smooth_robust" in page
    assert "Prediction of probes" in page
    said = closedloop("status", study).stdout
    assert "the mean of 2 members (small_resnet_robust, small_smooth_robust)" in said
    assert re.search(r"taught by: 6 clean images shown once a day, 8 probes at epsilon 30", said)
    assert closedloop("verify", study).returncode == 0
