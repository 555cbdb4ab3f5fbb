"""Files of responses as other programs write them, read as one thing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pynwb import NWBHDF5IO, NWBFile

from closedloop.artifacts.imported.laboratory import DatasetNames
from closedloop.errors import DocumentError, OptionError
from closedloop.exchange.reading.any_file import parse_window, read_responses_file
from closedloop.exchange.reading.responses import FileResponses

RANDOM = np.random.default_rng(0)
STARTS = np.arange(0, 200, 10)
BINS = RANDOM.poisson(2, (12, 3, len(STARTS))).astype(np.float32)  # presentation x neuroid x time_bin
IMAGES = [f"im{place % 6}" for place in range(12)]
SITES = ["a", "b", "c"]


def read(path: Path, **options: Any) -> FileResponses:
    return read_responses_file(path, names=DatasetNames(), **options)


def by_name(found: FileResponses) -> list[str]:
    return [found.images[one] for one in found.image_index]


def assembly(path: Path, *, units: str = "spikes") -> Path:
    """Write an assembly as Brain-Score's packaging does."""
    array = xr.DataArray(
        BINS,
        dims=("presentation", "neuroid", "time_bin"),
        coords={
            "stimulus_id": ("presentation", IMAGES),
            "object_name": ("presentation", ["dog" if place % 2 else "car" for place in range(12)]),
            "neuroid_id": ("neuroid", SITES),
            "time_bin_start": ("time_bin", STARTS),
            "time_bin_end": ("time_bin", STARTS + 10),
        },
        attrs={"units": units} if units else {},
    )
    array.to_dataset(name="data", promote_attrs=True).to_netcdf(path, engine="h5netcdf")
    return path


def test_time_bins_of_an_assembly_make_rates_in_the_window(tmp_path: Path) -> None:
    found = read(assembly(tmp_path / "a.nc"))
    own = (STARTS >= 70) & (STARTS + 10 <= 170)
    np.testing.assert_allclose(found.rates, BINS[:, :, own].sum(axis=2) / 0.1)
    assert (found.format, found.unit, found.sites) == ("Brain-Score assembly", "Hz", tuple(SITES))
    assert by_name(found) == IMAGES
    assert found.category == ("car", "dog") * 3
    short = read(assembly(tmp_path / "a.nc"), window_ms=(50.0, 60.0))
    np.testing.assert_allclose(short.rates, BINS[:, :, 5] / 0.01)


def test_bins_of_an_unknown_unit_are_averaged(tmp_path: Path) -> None:
    found = read(assembly(tmp_path / "a.nc", units=""))
    np.testing.assert_allclose(found.rates, BINS[:, :, 7:17].mean(axis=2), rtol=1e-6)
    assert found.unit == ""


def test_the_bins_of_a_window_are_divided_by_that_window_whatever_else_the_file_says(tmp_path: Path) -> None:
    path = assembly(tmp_path / "a.nc")
    with h5py.File(path, "a") as file:  # as our own exports say it of their study
        file.attrs["window_start_ms"], file.attrs["window_stop_ms"] = 70.0, 170.0
    found = read(path, window_ms=(50.0, 60.0))
    np.testing.assert_allclose(found.rates, BINS[:, :, 5] / 0.01)
    assert found.said["window"].startswith("50 to 60 ms")


def test_the_window_of_an_only_time_bin_is_the_file_s_own(tmp_path: Path) -> None:
    with xr.open_dataset(assembly(tmp_path / "a.nc"), engine="h5netcdf") as whole:
        whole.isel(time_bin=[5]).to_netcdf(tmp_path / "one.nc", engine="h5netcdf")
        whole.isel(time_bin=5, drop=True).drop_vars(["time_bin_start", "time_bin_end"], errors="ignore").to_netcdf(
            tmp_path / "none.nc", engine="h5netcdf"
        )
    found = read(tmp_path / "one.nc")
    np.testing.assert_allclose(found.rates, BINS[:, :, 5] / 0.01)
    assert (found.unit, found.said["window"].split(" ms")[0]) == ("Hz", "50 to 60")
    with pytest.raises(
        OptionError, match=r"--window 70,170: .* found one response a presentation in one\.nc, of 50 to 60"
    ):
        read(tmp_path / "one.nc", window_ms=(70.0, 170.0))
    unsaid = read(tmp_path / "none.nc")  # nobody knows how long the spikes were counted
    np.testing.assert_allclose(unsaid.rates, BINS[:, :, 5])
    assert (unsaid.unit, "window" in unsaid.said) == ("spikes", False)


@pytest.mark.parametrize(
    ("axis", "said"),
    [("time", "expected time bins that fill 70 to 170 ms"), ("latency", "one of which is called 'laten")],
)
def test_an_axis_of_time_is_not_taken_for_repetitions(axis: str, said: str, tmp_path: Path) -> None:
    with xr.open_dataset(assembly(tmp_path / "a.nc"), engine="h5netcdf") as whole:
        other = whole.rename({"time_bin": axis}).drop_vars(["time_bin_start", "time_bin_end"])
        other.to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(DocumentError, match=said):
        read(tmp_path / "other.nc")
    names = DatasetNames(axes=("presentations", "sites", "repetitions"))  # a person says so
    assert len(read_responses_file(tmp_path / "other.nc", names=names).rates) == 12 * len(STARTS)


def test_a_dimension_that_is_called_like_images_names_none(tmp_path: Path) -> None:
    with xr.open_dataset(assembly(tmp_path / "a.nc"), engine="h5netcdf") as whole:
        whole.rename({"presentation": "images", "neuroid": "sites"}).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    found = read(tmp_path / "b.nc")
    assert by_name(found) == IMAGES
    assert found.sites == tuple(SITES)


def test_a_window_that_no_bins_fill_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"expected time bins that fill 75 to 170 ms, found bins from 0 to 200 ms"):
        read(assembly(tmp_path / "a.nc"), window_ms=(75.0, 170.0))
    with pytest.raises(OptionError, match="expected START,END in ms"):
        parse_window("170,70")


def test_categories_of_a_table_count_for_the_images_it_names(tmp_path: Path) -> None:
    path, table = assembly(tmp_path / "a.nc"), tmp_path / "categories.csv"
    pd.DataFrame({"image": sorted(set(IMAGES)), "more": 1, "category": list("uvwxyz")}).to_csv(table, index=False)
    found = read(path, stimuli=table)
    assert dict(zip(found.images, found.category, strict=True)) == dict(zip(sorted(set(IMAGES)), "uvwxyz", strict=True))
    table.write_text("image,category\nother,u\n")
    path = tmp_path / "plain.csv"
    path.write_text("image,repetition,s1\nx,0,1\ny,0,2\n")
    with pytest.raises(OptionError, match=r"expected the images of plain\.csv, such as 'x', found none of them"):
        read(path, stimuli=table)


def test_a_column_category_of_a_table_is_no_site(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"image": IMAGES, "repetition": np.arange(12) // 6, "category": [f"c {one}" for one in IMAGES]}
    )
    table = table.assign(**dict(zip(SITES, BINS[:, :, 0].T, strict=True)))
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        found = read(tmp_path / name)
        assert found.sites == tuple(SITES)
        assert found.category == tuple(f"c {one}" for one in found.images)
        np.testing.assert_array_equal(found.rates, BINS[:, :, 0])


def test_a_parquet_table_is_read_as_the_same_table_in_csv(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"image": IMAGES, "repetition": np.arange(12) // 6, **dict(zip(SITES, BINS[:, :, 0].T / 3, strict=True))}
    )
    table.loc[3, "b"] = np.nan
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    csv, parquet = read(tmp_path / "t.csv"), read(tmp_path / "t.parquet")
    np.testing.assert_allclose(parquet.rates, csv.rates, rtol=1e-6)
    np.testing.assert_array_equal(parquet.rates, table[SITES].to_numpy(dtype=np.float64))
    assert (parquet.images, parquet.sites, parquet.unit) == (csv.images, csv.sites, "")
    table.assign(when=pd.Timestamp(0)).to_parquet(tmp_path / "odd.parquet")
    with pytest.raises(DocumentError, match="expected columns of numbers and texts, found when of timestamp"):
        read(tmp_path / "odd.parquet")


def session(path: Path, *, resolution: float = 1 / 30_000) -> tuple[list[np.ndarray], np.ndarray]:
    """Write a session in NWB as the DiCarlo laboratory publishes it; return its spikes and onsets."""
    onsets = np.round(np.arange(12) * 0.3 + 1, 5)
    spikes = [np.sort(np.round(RANDOM.uniform(0.5, 5, 400) * 30_000) / 30_000) for _ in SITES]
    file = NWBFile("SIMULATED: none was recorded", "id", datetime(2026, 5, 1, tzinfo=UTC))
    device = file.create_device("array")
    group = file.create_electrode_group("array", "an array", "IT", device)
    file.add_electrode_column("label", "name")
    for name in SITES:
        file.add_electrode(group=group, location="IT", label=name)
    for place, times in enumerate(spikes):
        file.add_unit(spike_times=times, electrodes=[place], obs_intervals=[[0.0, 1.5], [1.6, 100.0]])
    file.units.resolution = resolution
    for name in ("image_hash", "fixation_correct", "stimuli_presentation_time_ms"):
        file.add_trial_column(name, name)
    for place, onset in enumerate(onsets):
        file.add_trial(
            start_time=onset,
            stop_time=onset + 0.1,
            image_hash=IMAGES[place],
            fixation_correct=place != 5,
            stimuli_presentation_time_ms=100.0,
        )
    with NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    return spikes, onsets


def test_spikes_of_nwb_are_counted_in_the_window_after_each_image(tmp_path: Path) -> None:
    spikes, onsets = session(tmp_path / "s.nwb")
    found = read(tmp_path / "s.nwb")
    kept = [place for place in range(12) if place != 5]
    expected = np.array([[np.sum((own >= t + 0.07) & (own < t + 0.17)) for own in spikes] for t in onsets]) / 0.1
    unseen = (onsets + 0.07 < 1.6) & (onsets + 0.17 > 1.5)  # partly between two intervals of observation
    np.testing.assert_allclose(found.rates[~unseen[kept]], expected[kept][~unseen[kept]])
    assert len(found.rates) == 11 - unseen.sum()
    assert (found.format, found.unit, found.sites, found.simulated) == ("NWB", "Hz", tuple(SITES), True)
    assert by_name(found) == [IMAGES[place] for place in kept if not unseen[place]]


def test_a_file_that_is_no_session_is_refused_in_a_line(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.nwb", "w") as file:
        file["data"] = [1.0]
    with pytest.raises(DocumentError, match="expected a table units, as NWB has it, found a file with data"):
        read(tmp_path / "other.nwb")
    (tmp_path / "none.nwb").write_bytes(b"no HDF5 at all")
    with pytest.raises(DocumentError, match="expected an NWB file, found a damaged one or none"):
        read(tmp_path / "none.nwb")
    (tmp_path / "x.docx").write_bytes(b"")
    with pytest.raises(DocumentError, match=r"expected a table \.csv or \.parquet, an HDF5 file"):
        read(tmp_path / "x.docx")


def changed(path: Path, **columns: Any) -> Path:
    """Write columns of a session's trials anew; None removes one."""
    with h5py.File(path, "a") as file:
        trials = file["intervals/trials"]
        for name, values in columns.items():
            attributes = dict(trials[name].attrs)
            del trials[name]
            if values is not None:
                trials[name] = values
                trials[name].attrs.update(attributes)
    return path


def test_a_trial_of_unknown_fixation_does_not_count(tmp_path: Path) -> None:
    session(tmp_path / "s.nwb")
    whole = read(tmp_path / "s.nwb")
    fixated = [1.0] * 10 + [np.nan, 0.0]
    found = read(changed(tmp_path / "s.nwb", fixation_correct=fixated))
    assert "im4" in by_name(whole)[-2:]
    assert by_name(found)[-1] == "im3"
    texts = ["True"] * 10 + ["False", "nan"]
    np.testing.assert_array_equal(read(changed(tmp_path / "s.nwb", fixation_correct=texts)).rates, found.rates)


def test_trials_of_several_images_are_refused_in_a_line(tmp_path: Path) -> None:
    session(tmp_path / "s.nwb")
    changed(tmp_path / "s.nwb", image_hash=IMAGES * 2)
    with h5py.File(tmp_path / "s.nwb", "a") as file:
        file["intervals/trials/image_hash_index"] = np.arange(2, 26, 2)
    with pytest.raises(DocumentError, match=r"and several values a row in image_hash\. Give a file with a row"):
        read(tmp_path / "s.nwb")


def test_trials_outside_of_all_spikes_are_not_counted_as_silence(tmp_path: Path) -> None:
    session(tmp_path / "s.nwb")
    with h5py.File(tmp_path / "s.nwb", "a") as file:
        for name in ("obs_intervals", "obs_intervals_index"):
            del file["units"][name]
    whole = read(tmp_path / "s.nwb")
    assert (len(whole.rates), whole.notices) == (11, ())
    onsets = np.arange(12) * 0.3 + 1
    onsets[[0, 11]] = 0.1, 100.0
    found = read(changed(tmp_path / "s.nwb", start_time=onsets))
    assert len(found.rates) == 9
    assert found.notices[0].startswith("2 presentations before the first spike or after the last one")


def test_trials_without_an_image_are_left_out_and_another_onset_is_told(tmp_path: Path) -> None:
    session(tmp_path / "s.nwb")
    whole = read(tmp_path / "s.nwb")
    hashes = [name if place else "" for place, name in enumerate(IMAGES)]
    later = np.round(np.arange(12) * 0.3 + 1, 5) + 0.25
    with h5py.File(tmp_path / "s.nwb", "a") as file:
        file["intervals/trials/stim_on_time"] = later
    found = read(changed(tmp_path / "s.nwb", image_hash=hashes))
    np.testing.assert_array_equal(found.rates, whole.rates[1:])
    assert found.notices == (
        "1 trials without the name of an image are left out.",
        "Windows begin at start_time; the trials have stim_on_time, too, 0.250 s later (median). If images came on "
        "then, write it into start_time.",
    )
    with h5py.File(tmp_path / "s.nwb", "a") as file:
        file["intervals/trials/image_id"] = np.arange(12)
    assert by_name(read(changed(tmp_path / "s.nwb", image_hash=["none"] * 12)))[0] == "0"


def test_trials_that_people_left_out_of_a_study_are_told(tmp_path: Path) -> None:
    session(tmp_path / "s.nwb")
    with h5py.File(tmp_path / "s.nwb", "a") as file:
        file["intervals/trials/left_out"] = ["fit", *[""] * 4, "fit", *[""] * 6]  # the sixth counts for nothing
    (notice,) = read(tmp_path / "s.nwb").notices
    assert notice.startswith("1 presentations that people left out of fit or evaluation count here")
