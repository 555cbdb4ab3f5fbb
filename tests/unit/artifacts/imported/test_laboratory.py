"""Responses in a laboratory's files, read as they are written by the libraries that laboratories use."""

from __future__ import annotations

import csv
from itertools import permutations
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from closedloop.artifacts.imported.laboratory import DatasetNames, LaboratoryResponses, read_laboratory
from closedloop.errors import ClosedLoopError, DocumentError, OptionError

NAMES = DatasetNames()
SITES = ["array1-003", "array1-001"]
RATES = np.random.default_rng(0).normal(20, 5, (6, 3, 2))  # images x repetitions x sites


def write_hdf5(path: Path, **datasets: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file.create_dataset(name, data=values, **({"compression": "gzip"} if np.ndim(values) > 1 else {}))
    return path


def write_assembly(
    path: Path, values: NDArray[Any], axes: dict[str, dict[str, Any]], *, called: str = "__xarray_dataarray_variable__"
) -> Path:
    """Write a netCDF-4 file as xarray writes an assembly: a variable, without a name by default, and coordinates."""
    with h5py.File(path, "w") as file:
        variable = file.create_dataset(called, data=values)
        for axis, (name, coordinates) in enumerate(axes.items()):
            scale = file.create_dataset(name, data=np.arange(values.shape[axis]))
            scale.make_scale(name)
            variable.dims[axis].attach_scale(scale)
            for coordinate, of_axis in coordinates.items():
                texts = np.asarray(of_axis).dtype.kind in "UO"
                content = np.asarray(of_axis, dtype=h5py.string_dtype() if texts else None)
                file.create_dataset(coordinate, data=content).dims[0].attach_scale(scale)
    return path


def means(found: LaboratoryResponses) -> dict[tuple[str, str], float]:
    """Return the mean response of each site to each image, by names."""
    return {
        (image, site): float(np.nanmean(found.rates[found.image_index == number, column]))
        for number, image in enumerate(found.images)
        for column, site in enumerate(found.sites)
    }


def expected(images: list[str], sites: list[str]) -> dict[tuple[str, str], float]:
    return {
        (image, site): float(RATES[number, :, column].mean())
        for number, image in enumerate(images)
        for column, site in enumerate(sites)
    }


IMAGES = [f"faces/{number}.png" for number in range(6)]


def test_averages_trials_and_other_names_in_hdf5(tmp_path: Path) -> None:
    averaged = write_hdf5(tmp_path / "a.h5", rates=RATES.mean(axis=1), images=IMAGES, neuroids=SITES)
    found = read_laboratory(averaged, NAMES)
    assert (len(found.image_index), found.sites, found.format) == (6, tuple(SITES), "hdf5")
    assert means(found) == pytest.approx(expected(IMAGES, SITES))
    trials = write_hdf5(tmp_path / "t.h5", **{"session/counts": RATES, "names": IMAGES, "session/ids": SITES})
    named = read_laboratory(trials, DatasetNames("session/counts", "names", "session/ids"))
    assert len(named.image_index) == 18
    assert means(named) == pytest.approx(expected(IMAGES, SITES))


def test_pictures_in_the_file_are_named_by_what_they_show(tmp_path: Path) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    shown = [0, 1, 2, 1, 0, 2]
    rates = np.arange(12.0).reshape(6, 2)
    found = read_laboratory(
        write_hdf5(tmp_path / "p.h5", responses=rates, images=pictures[shown], neuroids=SITES), NAMES
    )
    assert found.image_index.tolist() == shown
    assert found.pixels is not None
    assert np.array_equal(found.pixels, pictures)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("time_bin", [False, True])
def test_an_assembly_of_brain_score(turned: bool, time_bin: bool, tmp_path: Path) -> None:
    images, values = [name for name in IMAGES for _ in range(3)], RATES.reshape(18, 2)
    of = {
        "presentation": {"image_id": images, "repetition": list(range(3)) * 6},
        "neuroid": {"neuroid_id": SITES, "region": ["IT", "IT"]},
    }
    axes = dict(reversed(of.items())) if turned else of
    values = values.T if turned else values
    if time_bin:
        axes, values = {**axes, "time_bin": {"time_bin_start": [70]}}, values[..., None]
    found = read_laboratory(write_assembly(tmp_path / "a.nc", values, axes), NAMES)
    assert found.format == "brain-score"
    assert means(found) == pytest.approx(expected(IMAGES, SITES))


def test_an_assembly_that_has_a_name_is_found_by_its_axes_unless_there_are_two(tmp_path: Path) -> None:
    """xarray saves a named array by its name, so that an assembly of MajajHong2015 is a dataset of that name."""
    axes: dict[str, dict[str, Any]] = {"presentation": {"stimulus_id": IMAGES}, "neuroid": {"neuroid_id": SITES}}
    path = write_assembly(tmp_path / "a.nc", RATES.mean(axis=1), axes, called="dicarlo.MajajHong2015")
    found = read_laboratory(path, NAMES)
    assert (found.format, found.mapping["responses"]) == ("brain-score", "dataset dicarlo.MajajHong2015")
    assert means(found) == pytest.approx(expected(IMAGES, SITES))
    with pytest.raises(DocumentError, match=r"found none\. Name it by --responses"):
        read_laboratory(path, DatasetNames(responses="dicarlo.Other"))  # one that was asked for by name
    with h5py.File(path, "a") as file:
        second = file.create_dataset("errors", data=np.ones((6, 2)))
        for axis, scale in enumerate(axes):
            second.dims[axis].attach_scale(file[scale])
    with pytest.raises(DocumentError, match=r"found none\. Name it by --responses"):
        read_laboratory(path, NAMES)


def test_several_time_bins_are_refused(tmp_path: Path) -> None:
    axes: dict[str, dict[str, Any]] = {
        "presentation": {"stimulus_id": IMAGES},
        "neuroid": {"neuroid_id": SITES},
        "time_bin": {},
    }
    with pytest.raises(DocumentError, match="expected one time bin, as is fitted, found 4"):
        read_laboratory(write_assembly(tmp_path / "a.nc", np.ones((6, 2, 4)), axes), NAMES)


def test_what_is_missing_is_said_with_what_the_file_holds(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.h5", spikes=RATES.mean(axis=1), images=IMAGES, neuroids=SITES)
    with pytest.raises(DocumentError, match=r"Name it by --responses\. The file holds: images .*, spikes \(6 x 2"):
        read_laboratory(path, NAMES)
    with pytest.raises(DocumentError, match="expected responses of 6 presentations x 2 sites"):
        read_laboratory(write_hdf5(tmp_path / "b.h5", rates=np.ones((6, 5)), images=IMAGES, neuroids=SITES), NAMES)
    (tmp_path / "a.mat").touch()
    with pytest.raises(DocumentError, match=r"expected a table \.csv or \.parquet, an HDF5 file"):
        read_laboratory(tmp_path / "a.mat", NAMES)


def test_values_that_lie_elsewhere_are_refused(tmp_path: Path) -> None:
    """A link out, values in another file, and a dataset composed of another's: none of them is followed."""
    secret = write_hdf5(tmp_path / "other.h5", rates=RATES.mean(axis=1))
    (tmp_path / "raw").write_bytes(RATES.mean(axis=1).tobytes())
    layout = h5py.VirtualLayout((6, 2), dtype="f8")
    layout[:] = h5py.VirtualSource(str(secret), "rates", (6, 2))
    for number in range(4):
        path = write_hdf5(tmp_path / f"{number}.h5", images=IMAGES, neuroids=SITES)
        with h5py.File(path, "a") as file:
            if number == 0:
                file["rates"] = h5py.ExternalLink(str(secret), "rates")
            elif number == 1:
                file.create_dataset("rates", (6, 2), "f8", external=[(str(tmp_path / "raw"), 0, 96)])
            elif number == 2:
                file.create_virtual_dataset("rates", layout)
            else:
                file["rates"] = h5py.SoftLink("/elsewhere")
        with pytest.raises(DocumentError, match="in the file itself"):
            read_laboratory(path, NAMES)


def test_more_than_the_file_can_hold_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.h5", images=IMAGES, neuroids=SITES)
    with h5py.File(path, "a") as file:
        file.create_dataset("rates", (1_000_000, 100_000), "f8", chunks=(1000, 1000), compression="gzip")
    with pytest.raises(DocumentError, match="expected at most"):
        read_laboratory(path, NAMES)


def test_a_file_that_is_packed_well_is_read(tmp_path: Path) -> None:
    """Counts of few spikes: 64 MB in a file of some hundred kB, in more blocks than one."""
    counts = np.zeros((2000, 4000))
    counts[:, 0] = np.arange(2000) % 7
    path = write_hdf5(
        tmp_path / "a.h5",
        rates=counts,
        images=[f"{number % 500}.png" for number in range(2000)],
        neuroids=[f"u{number}" for number in range(4000)],
    )
    assert path.stat().st_size < counts.nbytes / 100
    found = read_laboratory(path, NAMES)
    assert np.array_equal(found.rates, counts)
    assert len(found.images) == 500


def test_a_small_file_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("rates", (6, 100_000_000), "f8", chunks=(6, 100_000), compression="gzip")
        file.update({"images": IMAGES, "neuroids": SITES})
    with pytest.raises(DocumentError, match=r"expected at most 4,096 MB of values, found 4,577 MB in rates"):
        read_laboratory(tmp_path / "a.h5", NAMES)


@pytest.mark.parametrize("mark", [True, 1, np.array([1]), np.array([0, 1]), "True", "yes", np.bytes_("1")])
@pytest.mark.parametrize("place", ["/", "rates"])
def test_a_mark_of_simulated_data_is_seen_however_it_is_written(mark: Any, place: str, tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.h5", rates=RATES.mean(axis=1), images=IMAGES, neuroids=SITES)
    with h5py.File(path, "a") as file:
        file[place].attrs["simulated"] = mark
    assert read_laboratory(path, NAMES).simulated


@pytest.mark.parametrize("mark", [False, 0, np.array([0]), "false", np.bytes_("no"), h5py.Empty("f")])
def test_a_mark_that_says_no_is_none(mark: Any, tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.h5", rates=RATES.mean(axis=1), images=IMAGES, neuroids=SITES)
    with h5py.File(path, "a") as file:
        file.attrs["simulated"] = mark
    assert not read_laboratory(path, NAMES).simulated


@pytest.mark.parametrize("order", list(permutations(("images", "repetitions", "sites"))))
def test_axes_in_any_order_are_told_apart_by_their_lengths(order: tuple[str, ...], tmp_path: Path) -> None:
    values = RATES.transpose([("images", "repetitions", "sites").index(role) for role in order])
    path = write_hdf5(tmp_path / "a.h5", rates=values, images=IMAGES, neuroids=SITES)
    assert means(read_laboratory(path, NAMES)) == pytest.approx(expected(IMAGES, SITES))


CUBE = np.random.default_rng(3).normal(20, 5, (3, 3, 3))


def test_axes_of_one_length_are_not_guessed(tmp_path: Path) -> None:
    sites = [*SITES, "array1-009"]
    said = r"found 3 x 3 x 3, which may be images x repetitions x sites or .* Say which by --axes images,"
    path = write_hdf5(tmp_path / "a.h5", rates=CUBE, images=IMAGES[:3], neuroids=sites)
    with pytest.raises(DocumentError, match=said):
        read_laboratory(path, NAMES)
    asked = read_laboratory(path, DatasetNames(axes=("site", "image", "trial")))
    wanted = {(image, site): CUBE[s, n].mean() for n, image in enumerate(IMAGES[:3]) for s, site in enumerate(sites)}
    assert means(asked) == pytest.approx(wanted)
    with h5py.File(path, "a") as file:
        for axis, label in zip(file["rates"].dims, ("neuroid", "stimulus", "repetition"), strict=True):
            axis.label = label
    assert means(read_laboratory(path, NAMES)) == pytest.approx(wanted)
    square = write_hdf5(tmp_path / "b.h5", rates=CUBE[0], images=IMAGES[:3], neuroids=sites)
    with pytest.raises(DocumentError, match="which may be images x sites or sites x images"):
        read_laboratory(square, NAMES)


@pytest.mark.parametrize("axes", [("images", "depth"), ("images", "image"), ("sites",), ("",)])
def test_axes_that_mean_nothing_are_refused(axes: tuple[str, ...], tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.h5", rates=RATES.mean(axis=1), images=IMAGES, neuroids=SITES)
    with pytest.raises(OptionError, match="--axes: expected images, sites and perhaps repetitions"):
        read_laboratory(path, DatasetNames(axes=axes))


@pytest.mark.parametrize("name", ["", " ", "a\x07", "a\nb"])
@pytest.mark.parametrize("role", ["sites", "images"])
def test_names_that_cannot_be_printed_are_refused(role: str, name: str, tmp_path: Path) -> None:
    names = {"images": list(IMAGES), "sites": list(SITES)}
    names[role][1] = name
    path = write_hdf5(tmp_path / "a.h5", rates=RATES.mean(axis=1), images=names["images"], neuroids=names["sites"])
    with pytest.raises(DocumentError, match=f"expected names of {role} that can be printed"):
        read_laboratory(path, NAMES)


def test_a_folder_and_a_file_that_is_missing_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "a.h5").mkdir()
    for name, found in (("a.h5", "a folder"), (".", "a folder"), ("b.h5", "none"), ("b", "none")):
        with pytest.raises(DocumentError, match=f"expected a file of responses, found {found}"):
            read_laboratory(tmp_path / name, NAMES)


@pytest.mark.slow
def test_damaged_files_are_refused_in_a_line_or_read(tmp_path: Path) -> None:
    """Every byte may be another: what comes back is a line, or a table whose parts belong together."""
    whole = write_hdf5(tmp_path / "a.h5", rates=RATES.mean(axis=1), images=IMAGES, neuroids=SITES).read_bytes()
    generator, refused = np.random.default_rng(7), 0
    for number in range(60):
        content = bytearray(whole)
        if number % 3 == 0:
            content = content[: int(generator.integers(1, len(content)))]
        else:
            for place in generator.integers(0, len(content), 6):
                content[place] = int(generator.integers(0, 256))
        (tmp_path / "damaged.h5").write_bytes(bytes(content))
        try:
            found = read_laboratory(tmp_path / "damaged.h5", NAMES)
        except ClosedLoopError as error:
            refused += 1
            lines = str(error).splitlines()
        else:
            lines = ["read"]
            assert found.rates.shape == (len(found.image_index), len(found.sites))
            assert found.image_index.max() < len(found.images)
        assert len(lines) == 1
    assert refused > 10


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[str], dict[tuple[str, int], list[float | None]]]:
    """Return images, sites and, by image and repetition, a response of each site or none."""
    images = draw(st.lists(st.from_regex(r"[a-z]{1,5}\.png", fullmatch=True), min_size=1, max_size=5, unique=True))
    sites = draw(st.lists(st.from_regex(r"s[0-9]{1,3}", fullmatch=True), min_size=1, max_size=4, unique=True))
    value = st.none() | st.floats(-1e6, 1e6)
    shown = [(image, number) for image in images for number in range(draw(st.integers(1, 3)))]
    rows = {one: draw(st.lists(value, min_size=len(sites), max_size=len(sites))) for one in shown}
    first = {one: [0.0 if value is None else value for value in values] for one, values in list(rows.items())[:1]}
    return images, sites, rows | first


@settings(max_examples=40, deadline=None)
@given(tables())
def test_wide_and_long_tables_of_the_same_numbers_are_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[list[str], list[str], dict[tuple[str, int], list[float | None]]],
) -> None:
    _, sites, rows = table
    folder = tmp_path_factory.mktemp("tables")
    with (folder / "wide.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "repetition", *sites])
        writer.writerows([image, number, *values] for (image, number), values in rows.items())
    frame = pd.DataFrame(
        [
            {"trial": number, "response": value, "neuroid_id": site, "image": image}
            for (image, number), values in rows.items()
            for site, value in zip(sites, values, strict=True)
        ]
    )
    frame.to_csv(folder / "long.csv", index=False)
    wide, long = (read_laboratory(folder / name, NAMES) for name in ("wide.csv", "long.csv"))
    assert (wide.images, wide.sites) == (long.images, long.sites)
    assert np.array_equal(wide.rates, long.rates, equal_nan=True)
    assert np.array_equal(wide.image_index, long.image_index)


def test_the_second_column_of_a_wide_table_may_count_trials(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,trial,a,b\nx,1,10,1\nx,2,20,3\n")
    found = read_laboratory(tmp_path / "a.csv", NAMES)
    assert (found.sites, found.rates.tolist()) == (("a", "b"), [[10, 1], [20, 3]])


def test_a_wide_table_of_averages_needs_no_repetition(tmp_path: Path) -> None:
    pd.DataFrame(RATES.mean(axis=1), columns=SITES, index=pd.Index(IMAGES, name="image")).to_csv(tmp_path / "a.csv")
    assert means(read_laboratory(tmp_path / "a.csv", NAMES)) == pytest.approx(expected(IMAGES, SITES))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,site,response\na,x,1\na,x,2\n", "line 3: expected each response of a site once"),
        ("image,site,response,colour\na,x,1,red\n", "take out the others"),
        ("image,site,response\n", "expected a line for each response"),
        ("image,site,response\na,,1\n", "line 2: expected 3 values"),
        ("image,site,response\na,x,fast\n", r"line 2, column response: expected numbers.*'fast'\. Correct it\.$"),
        ("image,s1\na,1\na,2\n", "line 3: expected one line for each image, as there is no column repetition"),
        (",image,s1\n0,a,1\n", r"found none for column 1\. .* \(from pandas: to_csv with index=False\)"),
        ("image,s1,trial\na,1,1\n", "found trial among them"),
        ("image,repetition,image,s1\na,1,a,1\n", "found image among them"),
        ("image,site,rate\na,x,1\n", "found site among them. .* name the column of the numbers response"),
        ("picture,s1\na,1\n", "expected the columns image and one for each site"),
        ("", "found none"),
    ],
)
def test_a_wrong_table_is_refused_by_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DocumentError, match=said):
        read_laboratory(tmp_path / "a.csv", NAMES)


def test_what_stands_for_nothing_is_missing_and_packed_numbers_are_unpacked(tmp_path: Path) -> None:
    rates = np.round(RATES[:, 0] * 10)
    packed = rates.astype(np.int16)
    packed[2, 1], packed[4, 0] = -9999, -1
    images, sites = [f"{number}.png" for number in range(6)], SITES
    path = write_hdf5(tmp_path / "packed.h5", responses=packed, images=images, sites=sites)
    with h5py.File(path, "r+") as file:
        file["responses"].attrs.update({"_FillValue": np.int16(-9999), "missing_value": -1, "scale_factor": [0.1]})
    wanted = rates / 10
    wanted[2, 1] = wanted[4, 0] = np.nan
    found = read_laboratory(path, NAMES)
    np.testing.assert_allclose(found.rates, wanted)
    with h5py.File(tmp_path / "partly.h5", "w") as file:  # of which a part was never written
        file.create_dataset("responses", (6, 2), "f4", chunks=(3, 2), fillvalue=-1)[:3] = rates[:3]
        file["images"], file["sites"] = images, sites
    found = read_laboratory(tmp_path / "partly.h5", NAMES)
    assert np.isnan(found.rates[3:]).all()
    np.testing.assert_allclose(found.rates[:3], rates[:3])


def test_the_order_of_axes_that_somebody_said_is_kept(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(2, 2, 2))
    path = write_hdf5(tmp_path / "r.h5", responses=values, images=["a.png", "b.png"], sites=SITES)
    found = read_laboratory(path, DatasetNames(axes=("repetitions", "images", "sites")))
    assert found.mapping["responses"] == "dataset responses, axes repetitions, images, sites"
