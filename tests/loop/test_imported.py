"""A study that begins with what a laboratory recorded elsewhere, from the table to its first day's report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import closedloop as library
from closedloop.artifacts import catalog
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.study import StudyPaths
from closedloop.models.checkpoints import load_site_model
from closedloop.models.site_model import predict
from closedloop.storage import sha256_file
from closedloop.study.create import Request, create_study
from tests.loop.brought import shown_elsewhere
from tests.loop.studies import PROTOCOL, closedloop, one_line_error

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def recorded_elsewhere(study: Path, folder: Path) -> Path:
    """Write clean images and the trial responses to them of a study's first day, as a laboratory has them."""
    folder.mkdir()
    recorded = library.open_study(study)
    shown, responses = recorded.presentations(0), recorded.responses(0)
    clean = shown[(shown["kind"] == "clean") & shown["used"] & (shown["role"] == "clean")]
    with h5py.File(folder / "responses.h5", "w") as file:
        file["responses"] = responses.loc[clean.index].to_numpy()
        file["images"] = np.stack([recorded.image(name) for name in clean["stimulus_id"]])
        file["neuroids"] = list(responses.columns)
    return folder / "responses.h5"


def test_a_study_begins_with_what_was_recorded_elsewhere(undisturbed: Path, tmp_path: Path) -> None:
    table = recorded_elsewhere(undisturbed, tmp_path / "elsewhere")
    protocol = tmp_path / "one_day.yaml"
    text = PROTOCOL.read_text().replace("days: 2", "days: 1").replace("raw_days: [1]", "raw_days: []")
    protocol.write_text(text.replace("readout_start: random", "readout_start: closed_form"))
    subject = library.open_study(undisturbed).subject
    study = tmp_path / "study"
    create_study(Request(root=study, subject=subject, simulated=True, protocol=str(protocol)))
    asked = ("import", "responses", table, "--study", study, "--why", "last year's session")
    said = closedloop(*asked)
    assert said.returncode == 0, said.stderr
    assert "Imported responses of 3 sites to 24 images from responses.h5, recorded elsewhere" in said.stdout
    finished = closedloop("run", study, "--settle", "0")
    assert finished.returncode == 0, finished.stderr

    paths = StudyPaths(study)
    imported = catalog.IMPORTED_RESPONSES.read(catalog.IMPORTED_RESPONSES.published(paths, 0))
    rates = catalog.IMPORTED_RATES.read(catalog.IMPORTED_RATES.published(paths, 0))
    images = catalog.IMPORTED_IMAGES.read(catalog.IMPORTED_IMAGES.published(paths, 0))["images"]
    mean = np.stack([rates["responses"][rates["image_index"] == n].mean(axis=0) for n in range(len(images))])
    first = predict(load_site_model(paths.start / "model.safetensors"), images)
    assert min(np.corrcoef(first[:, site], mean[:, site])[0, 1] for site in range(3)) > 0.5  # fitted before day 0
    sites = catalog.SITES.read(catalog.SITES.published(paths, 0)).chosen()
    assert [site.neuroid_id for site in sites] == [site.neuroid_id for site in imported.sites]
    fit = catalog.FIT.read(catalog.FIT.published(paths, 0))
    assert (fit.n_imported, fit.n_stimuli) == (24, 24 + sum(fit.n_fitted_by_day))
    clean = set(library.open_study(study).presentations(0).query("kind == 'clean'")["stimulus_id"])
    assert not clean & {stimulus_id(image) for image in images}  # no model is judged by what it was fitted to

    quality = catalog.QUALITY.read(catalog.QUALITY.published(paths, 0))
    assert "imported from responses.h5" in quality.about_sites
    assert "imported responses of 3 sites" in closedloop("history", study).stdout
    assert "recorded elsewhere, in no estimate of any day" in (study / "report" / "index.html").read_text()
    assert closedloop("verify", study).returncode == 0
    assert "nothing recorded is made again" in one_line_error(closedloop(*asked))
    document = paths.imported / "imported.json"
    document.write_text(document.read_text().replace("responses.h5", "others.csv"))
    assert closedloop("verify", study).returncode == 1


def test_a_day_of_another_program_is_counted_as_the_studys_own(undisturbed: Path, tmp_path: Path) -> None:
    table = shown_elsewhere(undisturbed, tmp_path / "elsewhere")
    study, recorded = tmp_path / "study", library.open_study(undisturbed)
    create_study(Request(root=study, subject=recorded.subject, simulated=True, protocol=str(PROTOCOL)))
    recording = undisturbed / "day-00" / "recording"
    asked = ("import", "recording-day", table, recording, "--study", study, "--refresh", "60", "--why", "rig 2, May")
    said = closedloop(*asked)
    assert said.returncode == 0, said.stderr
    assert "codes found" in said.stdout
    assert "drift of the clocks +" in said.stdout
    assert "ms by the photodiode. Set aside: " in said.stdout

    paths = StudyPaths(study)
    imported = catalog.IMPORTED_RESPONSES.read(catalog.IMPORTED_RESPONSES.published(paths, 0))
    rates = catalog.IMPORTED_RATES.read(catalog.IMPORTED_RATES.published(paths, 0))
    shown = recorded.presentations(0).query("kind == 'clean' and used")
    own = recorded.responses(0).loc[shown.index]
    assert np.array_equal(rates["responses"], own[[site.neuroid_id for site in imported.sites]].to_numpy())
    sites = catalog.SITES.read(catalog.SITES.published(StudyPaths(undisturbed), 0)).chosen()
    assert {site.neuroid_id for site in imported.sites} == {site.neuroid_id for site in sites}
    assert imported.mapping["recording array1.nev"] == sha256_file(recording / "array1.nev")
    assert "imported responses of 3 sites" in closedloop("history", study).stdout
    (table.parent / f"{shown['stimulus_id'].iloc[0]}.png").write_bytes(b"no picture")
    assert "no picture" not in one_line_error(closedloop(*asked))
    real = study / "study.json"
    real.write_text(real.read_text().replace('"simulated": true', '"simulated": false'))
    assert "simulat" in one_line_error(closedloop(*asked))


def test_a_model_of_a_study_is_exported_with_its_sites(undisturbed: Path, tmp_path: Path) -> None:
    finished = closedloop("model", "export", undisturbed, "--out", tmp_path / "model", "--day", "0")
    assert finished.returncode == 0, finished.stderr
    described = json.loads((tmp_path / "model" / "model.json").read_text())
    sites = catalog.SITES.read(catalog.SITES.published(StudyPaths(undisturbed), 0)).chosen()
    assert [site["neuroid_id"] for site in described["sites"]] == [site.neuroid_id for site in sites]
    assert described["simulated"] is True
    assert described["study"]["day"] == 0
    assert described["study"]["fitted_utc"]
    assert described["base_weights"][0]["licence"].startswith("MIT")
    assert closedloop("model", "check", tmp_path / "model").returncode == 0
    file = undisturbed / "day-00" / "refit" / "model.safetensors"
    assert closedloop("model", "export", file, "--out", tmp_path / "by_file").returncode == 0
    by_file = json.loads((tmp_path / "by_file" / "model.json").read_text())
    assert (by_file["simulated"], by_file["study"], by_file["sites"]) == (True, described["study"], described["sites"])
    study = library.open_study(undisturbed)
    rows = study.presentations(0).query("kind == 'clean' and role == 'normalizer' and used")
    mean = study.responses(0).loc[rows.index].groupby(rows["stimulus_id"]).mean()
    for column, site in enumerate(described["sites"]):  # a prediction of 0 is the mean over what puts days on one scale
        assert site["mean_hz"] == pytest.approx(mean.iloc[:, column].mean())
    assert "found that days 0, 1 are" in one_line_error(
        closedloop("model", "export", undisturbed, "--out", tmp_path / "other", "--day", "7")
    )


def test_the_scale_of_a_day_that_is_left_out_is_that_of_the_last_day_that_counts(
    undisturbed: Path, tmp_path: Path
) -> None:
    study = Path(shutil.copytree(undisturbed, tmp_path / "study"))
    asked = ("model", "export", study, "--day")
    assert closedloop(*asked, "0", "--out", tmp_path / "first").returncode == 0
    left_out = closedloop("exclude", study, "--from", "fit", "--day", "1", "--why", "noise")
    assert left_out.returncode == 0, left_out.stderr
    finished = closedloop("run", study, "--settle", "0")
    assert finished.returncode == 0, finished.stderr
    said = closedloop(*asked, "1", "--out", tmp_path / "second")
    assert "are those of day 0: they are left out of the fit on day 1" in said.stdout, said.stderr
    first, second = (json.loads((tmp_path / name / "model.json").read_text()) for name in ("first", "second"))
    assert {site["scale_day"] for site in first["sites"]} == {None}
    assert {site["scale_day"] for site in second["sites"]} == {0}
    scale = [[(site["mean_hz"], site["sd_hz"]) for site in one["sites"]] for one in (first, second)]
    assert scale[0] == scale[1]
    assert closedloop("model", "check", tmp_path / "second").returncode == 0
