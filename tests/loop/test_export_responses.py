"""What a study exports is what it published, opens in Brain-Score, and gives the same numbers analysed again."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import closedloop as library
from tests.loop.studies import closedloop, one_line_error

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PYTHON = "CLOSEDLOOP_BRAINSCORE_PYTHON"  # of an environment with brainscore-core 2.5.0, which no other can have
OPENED = """
import json, sys
from brainscore_core.supported_data_standards.brainio.assemblies import (
    NeuroidAssembly, NeuronRecordingAssembly, StimulusMergeAssemblyLoader)
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
folder = sys.argv[1]
stimuli = StimulusSet.from_files(f"{folder}/stimulus_set.csv", f"{folder}/images")
plain = NeuroidAssembly.from_files(f"{folder}/assembly.nc")
plain.load()
plain.validate()
loader = StimulusMergeAssemblyLoader(
    cls=NeuronRecordingAssembly, file_path=f"{folder}/assembly.nc", stimulus_set_identifier="s", stimulus_set=stimuli)
merged = loader.load()
merged.load()
merged.validate()
own = [i for i, end in enumerate(merged["time_bin_end"].values) if 70 < end <= 170]
window = merged[:, :, own].sum("time_bin")
grouped = window.multi_groupby(["stimulus_id", "category"]).mean(dim="presentation")
path = str(stimuli.get_stimulus(stimuli["stimulus_id"].iloc[0]))
found = {"shape": merged.shape, "stimuli": len(stimuli), "sum": float(window.sum()), "path": path}
print(json.dumps({**found, "it": plain.sel(region="IT").shape, "grouped": grouped.shape}))
"""


@pytest.fixture(scope="module")
def exported(smoke_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All exports of a finished study."""
    out = tmp_path_factory.mktemp("exported")
    for name in ("r.parquet", "r.csv", "r.nc"):
        done = closedloop("export", "responses", smoke_study, "--out", out / name)
        assert done.returncode == 0, done.stderr
        assert "SIMULATED responses" in done.stdout
    done = closedloop("export", "brainscore", smoke_study, "--out", out / "bs")
    assert done.returncode == 0, done.stderr
    return out


def published(study: Path) -> tuple[np.ndarray, list[str], dict[str, dict[str, float]]]:
    folder = study / "day-00" / "ingest"
    with h5py.File(folder / "responses.h5") as file:
        counts = file["counts"][()]
    sites = json.loads((folder / "sites.json").read_text())["sites"]
    return counts, [site["neuroid_id"] for site in sites], {site["neuroid_id"]: site for site in sites}


def test_all_formats_have_what_the_study_published(smoke_study: Path, exported: Path) -> None:
    counts, names, _ = published(smoke_study)
    parquet, csv = pd.read_parquet(exported / "r.parquet"), pd.read_csv(exported / "r.csv")
    with xr.open_dataset(exported / "r.nc") as arrays:
        found = arrays["responses"].sel(site=names).values
        assert arrays["kind"].values.tolist() == parquet["kind"].tolist() == csv["kind"].tolist()
    for values in (parquet[names].to_numpy(), csv[names].to_numpy(), found):
        np.testing.assert_array_equal(values, counts)
    shown = library.open_study(smoke_study).presentations(0)
    pd.testing.assert_frame_equal(
        parquet.set_index("ordinal")[list(shown.columns)].astype(object), shown.astype(object), check_names=False
    )


def test_bins_of_the_window_add_up_to_the_responses(smoke_study: Path, exported: Path) -> None:
    counts, names, _ = published(smoke_study)
    with xr.open_dataarray(exported / "bs" / "assembly.nc") as assembly:
        own = (assembly["time_bin_start"] >= 70) & (assembly["time_bin_end"] <= 170)
        summed = assembly.values[:, :, own.values].sum(axis=2)
        columns = [names.index(str(name)) for name in assembly["neuroid_id"].values]
        np.testing.assert_array_equal(summed, counts[assembly["ordinal"].values][:, columns])
        ids = [str(one) for one in assembly["stimulus_id"].values]
        assert assembly.dims == ("presentation", "neuroid", "time_bin")
        assert assembly.attrs["simulated"] == 1
    stimuli = pd.read_csv(exported / "bs" / "stimulus_set.csv")
    assert set(stimuli["stimulus_id"]) == set(ids)
    with zipfile.ZipFile(exported / "bs" / "stimulus_set.zip") as archive:
        assert set(archive.namelist()) == set(stimuli["filename"])
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_pictures_are_the_pixels_that_were_shown(smoke_study: Path, exported: Path, tmp_path: Path) -> None:
    from PIL import Image

    study = library.open_study(smoke_study)
    with zipfile.ZipFile(exported / "bs" / "stimulus_set.zip") as archive:
        for name in archive.namelist()[::20]:
            with archive.open(name) as stream:
                np.testing.assert_array_equal(np.asarray(Image.open(stream)), study.image(name.removesuffix(".png")))


def test_made_again_the_export_has_the_same_bytes(smoke_study: Path, exported: Path) -> None:
    before = {path: path.read_bytes() for path in sorted((exported / "bs").iterdir()) if path.is_file()}
    assert closedloop("export", "brainscore", smoke_study, "--out", exported / "bs").returncode == 0
    assert {path: path.read_bytes() for path in sorted((exported / "bs").iterdir()) if path.is_file()} == before
    notes = exported / "bs" / "notes.txt"
    notes.write_text("mine")
    refused = closedloop("export", "brainscore", smoke_study, "--out", exported / "bs")
    assert "which is replaced as a whole, found notes.txt beside it" in one_line_error(refused)
    assert notes.read_text() == "mine"
    notes.unlink()
    (exported / "other").mkdir()
    refused = closedloop("export", "brainscore", smoke_study, "--out", exported / "other")
    assert "expected no folder or one of this command" in one_line_error(refused)


@pytest.mark.parametrize("name", ["r.csv", "bs/assembly.nc"])
def test_analysed_again_an_export_gives_the_published_numbers(
    smoke_study: Path, exported: Path, tmp_path: Path, name: str
) -> None:
    _, _, sites = published(smoke_study)
    done = closedloop("analyse", exported / name, "--out", tmp_path / "analysis")
    assert done.returncode == 0, done.stderr
    assert "SIMULATED" in done.stdout
    found = pd.read_csv(tmp_path / "analysis" / "sites.csv").set_index("site")
    wanted = pd.DataFrame(sites).T.loc[found.index]
    assert len(found) == (len(sites) if not name.startswith("bs") else wanted["site_index"].notna().sum())
    for column, published_as, digits in (("reliability", "reliability", 4), ("sigma", "sigma_hz", 3)):
        np.testing.assert_array_equal(found[column].round(digits), wanted[published_as].astype(float))


def test_networks_are_compared_where_there_are_pictures(exported: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(exported / "bs" / "stimulus_set.zip") as archive:
        archive.extractall(tmp_path / "images")
    asked = ("analyse", exported / "bs" / "assembly.nc", "--images", tmp_path / "images", "--out", tmp_path / "out")
    done = closedloop(*asked, "--base-model", "small_resnet_robust:avgpool")
    assert done.returncode == 0, done.stderr
    assert "small_resnet_robust, avgpool" in done.stdout
    predicted = pd.read_csv(tmp_path / "out" / "screening" / "sites.csv")
    assert len(predicted) == 4
    assert (predicted["low"] < predicted["correlation"]).all()
    assert (predicted["network"] == "small_resnet_robust").all()
    assert "How well each site is predicted" in (tmp_path / "out" / "index.html").read_text()
    refused = closedloop("analyse", exported / "r.csv", "--base-model", "small_resnet_robust", "--out", tmp_path / "x")
    assert refused.stderr == "--base-model: expected pictures beside it, found none. Add --images FOLDER.\n"


@pytest.mark.skipif(PYTHON not in os.environ, reason=f"{PYTHON} names no Python with brainscore-core")
def test_brain_score_opens_stimulus_set_and_assembly(smoke_study: Path, exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bs"
    folder.mkdir()
    for path in (exported / "bs").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with zipfile.ZipFile(folder / "stimulus_set.zip") as archive:
        archive.extractall(folder / "images")
    done = subprocess.run(
        [os.environ[PYTHON], "-c", OPENED, str(folder)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    counts, names, sites = published(smoke_study)
    chosen = [names.index(name) for name, site in sites.items() if site["site_index"] is not None]
    assert found["sum"] == np.nansum(counts[:, chosen])
    assert found["it"] == found["shape"]
    assert found["grouped"] == [found["stimuli"], len(chosen)]
    assert Path(found["path"]).is_file()
