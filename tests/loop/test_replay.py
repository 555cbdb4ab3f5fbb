"""Days of a real small study made again by the command: the same numbers, what follows from other ones, what if."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts.catalog import SITES
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest, verify_files
from closedloop.artifacts.study import StudyPaths
from closedloop.simulation.damage.set_up import thin_spikes
from tests.loop.studies import closedloop

DIFFERS = 5

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_every_stage_of_every_day_is_made_again_to_the_byte(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    every = ("plan", "synthesize", "schedule", "ingest", "refit", "evaluate", "queue")
    finished = closedloop("replay", undisturbed, "--out", out, *(word for one in every for word in ("--stage", one)))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Nothing differs: 13 stages of 2 days" in finished.stdout
    for tree in ("before-the-session", "after-the-session"):
        for manifest in (out / tree).glob(f"day-*/*/{MANIFEST_NAME}"):
            published = undisturbed / manifest.parent.relative_to(out / tree)
            verify_files(manifest.parent, read_manifest(published))


def test_what_follows_from_a_changed_spike_file_differs_and_nothing_else(
    study_copy: Callable[[], Path], tmp_path: Path
) -> None:
    study = study_copy()
    sites = SITES.read(SITES.published(StudyPaths(study), 0)).chosen()
    thin_spikes(study / "day-01/recording/array1.nev", kept=0.9, electrodes=[sites[0].electrode_id])
    finished = closedloop("replay", study, "--out", tmp_path / "out", "--json")
    assert finished.returncode == DIFFERS, finished.stderr
    found = json.loads(finished.stdout)
    assert [one["path"] for one in found["changed"]] == ["day-01/recording/array1.nev"]
    stages = {(one["day"], one["stage"]): one for one in found["replayed"]}
    differing = {place for place, one in stages.items() if one["differences"]}
    assert differing == {(1, "ingest"), (1, "refit"), (1, "evaluate")}
    assert stages[1, "ingest"]["follows_from"] == ["day-01/recording/array1.nev"]
    sigma = next(one for one in stages[1, "evaluate"]["differences"] if one["place"] == "sigma_hz[]")
    assert (sigma["n_different"], sigma["n_compared"]) == (1, len(sites))
    assert sites[0].neuroid_id in sigma["example"]


def test_three_windows_stand_in_one_table_beside_the_published_numbers(undisturbed: Path, tmp_path: Path) -> None:
    windows = [f"recording.window_ms=[{start},{start + 100}]" for start in (60, 70, 80)]
    options = [word for window in windows for word in ("--set", window)]
    finished = closedloop("replay", undisturbed, "--out", tmp_path / "out", *options, "--json")
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    assert [column["name"] for column in found["columns"]] == windows
    rows = {(row["day"], row["measure"]): row for row in found["rows"]}
    assert {day for day, _ in rows} == {0, 1}
    for row in rows.values():  # the middle one is the protocol's own
        assert row["cells"][1] == row["published"], row
    early, _, late = (cell["value"] for cell in rows[1, "mean rate, median over sites"]["cells"])
    assert early != late
    assert rows[1, "sensitivity, epsilon 10"]["published"]["standard_error"] > 0
    table = closedloop("replay", undisturbed, "--out", tmp_path / "out", *options)
    assert table.returncode == 0
    assert f"[3] {windows[2]}" in table.stdout
    assert sensitivity_of(undisturbed) == pytest.approx(
        rows[1, "sensitivity, epsilon 10"]["published"]["value"], abs=1e-6
    )


def sensitivity_of(study: Path) -> float:
    """Return day 1's sensitivity at epsilon 10 as the study's own page says it."""
    lines = (study / "report" / "sensitivity.csv").read_text().splitlines()
    (row,) = (line.split(",") for line in lines if line.startswith("1,10.000000,paper,"))
    return float(row[3])


def test_another_definition_is_refused_on_a_day_without_voltage_and_counted_on_the_other(
    undisturbed: Path, tmp_path: Path
) -> None:
    finished = closedloop("replay", undisturbed, "--out", tmp_path / "out", "--detection", "dicarlo", "--json")
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout)
    (refusal,) = found["refusals"]
    assert refusal["day"] == 0
    assert "expected raw voltage" in refusal["why"]
    rows = {row["measure"]: row for row in found["rows"] if row["day"] == 1}
    assert rows["mean rate, median over sites"]["cells"][0]["value"] is not None
    tree = StudyPaths(tmp_path / "out" / "what-if-1" / "later-days")
    assert "raw voltage by dicarlo" in (tree.folder("ingest", 1) / "quality.json").read_text()


def test_nothing_is_written_into_the_study(undisturbed: Path, tmp_path: Path) -> None:
    study = Path(shutil.copytree(undisturbed, tmp_path / "study"))
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    assert closedloop("replay", study, "--out", tmp_path / "out", "--day", "1").returncode == 0
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before
    assert closedloop("replay", study, "--out", study / "again").returncode == 1
