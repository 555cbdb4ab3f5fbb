"""HDF5 files with declared datasets."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from closedloop.artifacts import arrays
from closedloop.artifacts.arrays import array_writer, read_arrays, read_rows, write_arrays
from closedloop.artifacts.day.responses import RESPONSE_COUNTS, SPIKES
from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES
from closedloop.artifacts.layouts import ArrayLayout, Dataset
from closedloop.errors import DocumentError
from tests.unit.messages import refused

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 6, 5, 3), dtype=np.uint8)


def images_file(folder: Path, images: NDArray[np.uint8] = IMAGES) -> Path:
    write_arrays(folder / "images.h5", STIMULUS_IMAGES, {"images": images}, simulated=True)
    return folder / "images.h5"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5)))
def test_responses_are_read_back_bit_for_bit_missing_ones_included(tmp_path: Path, counts: NDArray[np.float64]) -> None:
    path = tmp_path / "responses.h5"
    electrode = np.arange(counts.shape[1])
    write_arrays(path, RESPONSE_COUNTS, {"counts": counts, "electrode_id": electrode}, simulated=False)
    found = read_arrays(path, RESPONSE_COUNTS)
    np.testing.assert_array_equal(found["counts"], counts)
    assert found["electrode_id"].tolist() == electrode.tolist()
    assert (found["counts"].dtype, found["electrode_id"].dtype) == (np.float64, np.uint16)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_images_are_read_back_and_lie_one_chunk_an_image(tmp_path: Path, n: int) -> None:
    path = images_file(tmp_path, IMAGES[:n])
    np.testing.assert_array_equal(read_arrays(path, STIMULUS_IMAGES)["images"], IMAGES[:n])
    with h5py.File(path) as file:
        assert file["images"].compression is None
        assert file["images"].chunks == ((1, 6, 5, 3) if n else None)


def test_the_file_tells_other_programs_its_kind_units_and_mark(tmp_path: Path) -> None:
    empty = {"electrode_id": np.zeros(0), "epoch": np.zeros(0), "tick": np.zeros(0), "time_s": np.zeros(0)}
    write_arrays(tmp_path / "s.h5", SPIKES, empty, simulated=True, attributes={"definition": "dicarlo"})
    with h5py.File(tmp_path / "s.h5") as file:
        assert (file.attrs["kind"], file.attrs["format_version"], bool(file.attrs["simulated"])) == ("spikes", 1, True)
        assert file.attrs["definition"] == "dicarlo"
        assert file["time_s"].attrs["unit"] == "s"
        assert list(file["time_s"].attrs["dimensions"]) == ["spike"]


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    first = images_file(tmp_path).read_bytes()
    assert images_file(tmp_path).read_bytes() == first


def test_rows_come_in_the_order_asked_for(tmp_path: Path) -> None:
    path = images_file(tmp_path)
    rows = read_rows(path, STIMULUS_IMAGES, name="images", rows=[5, 0, 5])
    np.testing.assert_array_equal(rows, IMAGES[[5, 0, 5]])
    none = read_rows(path, STIMULUS_IMAGES, name="images", rows=[])
    assert (none.shape, none.dtype) == ((0, 6, 5, 3), np.uint8)


@pytest.mark.parametrize("row", [7, -1])
def test_a_row_that_is_not_there_is_refused(tmp_path: Path, row: int) -> None:
    path = images_file(tmp_path)
    with refused(DocumentError, path, f"expected row {row} of images, found 7 rows"):
        read_rows(path, STIMULUS_IMAGES, name="images", rows=[0, row])


def test_wrong_arrays_are_the_programmers_mistake_and_leave_the_old_file(tmp_path: Path) -> None:
    path = images_file(tmp_path)
    with pytest.raises(ValueError, match="expected datasets"):
        write_arrays(path, STIMULUS_IMAGES, {"pixels": IMAGES}, simulated=True)
    with pytest.raises(ValueError, match="expected dimensions"):
        write_arrays(path, STIMULUS_IMAGES, {"images": IMAGES[0]}, simulated=True)
    np.testing.assert_array_equal(read_arrays(path, STIMULUS_IMAGES)["images"], IMAGES)
    assert [file.name for file in tmp_path.iterdir()] == ["images.h5"]


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with refused(DocumentError, tmp_path / "none.h5", "found none"):
        read_arrays(tmp_path / "none.h5", STIMULUS_IMAGES)


def test_a_file_of_another_kind_is_refused_though_it_has_the_dataset(tmp_path: Path) -> None:
    path = images_file(tmp_path)
    other = ArrayLayout("pictures", STIMULUS_IMAGES.datasets)
    with refused(DocumentError, path, "of kind pictures, found stimulus_images"):
        read_arrays(path, other)


@pytest.mark.parametrize(
    ("version", "said"), [(2, "version 1 or older, found 2"), ("one", "a format version"), (1.5, "a format version")]
)
def test_a_newer_version_and_one_that_is_no_number_are_refused(tmp_path: Path, version: object, said: str) -> None:
    path = images_file(tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = version
    with refused(DocumentError, path, said):
        read_arrays(path, STIMULUS_IMAGES)


def test_a_file_without_its_dataset_is_damaged(tmp_path: Path) -> None:
    path = images_file(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["images"]
    with refused(DocumentError, path, "damaged"):
        read_arrays(path, STIMULUS_IMAGES)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_refused_by_name(tmp_path: Path, part: float) -> None:
    path = images_file(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with refused(DocumentError, path, "damaged"):
        read_arrays(path, STIMULUS_IMAGES)


@pytest.mark.parametrize("lengths", [(), (0,), (3, 0, 70_000, 5)])
def test_columns_that_are_appended_part_by_part_are_read_back_as_one(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    path, rng = tmp_path / "spikes.h5", np.random.default_rng(2)
    parts = [{name: rng.integers(0, 60_000, n) for name in SPIKES.datasets} for n in lengths]
    with array_writer(path, SPIKES, simulated=False, attributes={"definition": "dicarlo"}) as append:
        for part in parts:
            append(part)
    for name, found in read_arrays(path, SPIKES).items():
        np.testing.assert_array_equal(found, np.concatenate([np.zeros(0), *(part[name] for part in parts)]))
        assert found.dtype == SPIKES.datasets[name].dtype
    with h5py.File(path) as file:
        assert (file["tick"].attrs["unit"], file.attrs["definition"]) == ("recorder ticks", "dicarlo")


def append_unequal_columns(path: Path) -> None:
    equal = dict.fromkeys(SPIKES.datasets, np.zeros(2))
    with array_writer(path, SPIKES, simulated=False) as append:
        append(equal)
        append({**equal, "tick": np.zeros(3)})


def test_a_file_that_is_appended_to_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of one length"):
        append_unequal_columns(tmp_path / "spikes.h5")
    assert list(tmp_path.iterdir()) == []


GROWN = ArrayLayout(
    "grown",
    {
        "tick": Dataset("int64", ("spike",), "ticks"),
        "waveform": Dataset("float32", ("spike", "sample"), "uV"),
        "label": Dataset("S4", ("electrode",), ""),
    },
)


@pytest.mark.parametrize("n_columns", [1, 48])
def test_rows_of_several_columns_are_appended_beside_datasets_that_are_whole(tmp_path: Path, n_columns: int) -> None:
    path, rng = tmp_path / "grown.h5", np.random.default_rng(4)
    parts = [rng.normal(size=(n, n_columns)).astype(np.float32) for n in (3, 0, 7000)]
    labels, widths = np.array([b"a", b"bc"], "S4"), {"waveform": n_columns}
    with array_writer(path, GROWN, simulated=True, n_columns=widths, whole={"label": labels}) as append:
        for part in parts:
            append({"tick": np.arange(len(part)), "waveform": part})
    found = read_arrays(path, GROWN)
    np.testing.assert_array_equal(found["waveform"], np.concatenate(parts))
    assert found["label"].tolist() == [b"a", b"bc"]
    with h5py.File(path) as file:
        assert (list(file), file["waveform"].attrs["unit"]) == (["tick", "waveform", "label"], "uV")


def test_rows_of_another_width_are_refused(tmp_path: Path) -> None:
    def append_wide() -> None:
        with array_writer(
            tmp_path / "grown.h5", GROWN, simulated=False, n_columns={"waveform": 4}, whole={"label": np.zeros(0, "S4")}
        ) as append:
            append({"tick": np.arange(2), "waveform": np.zeros((2, 5), np.float32)})

    with pytest.raises(ValueError, match="rows of shape"):
        append_wide()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("most", [0, 1000, 1 << 26])
def test_a_file_is_the_same_whether_it_is_made_in_memory_or_becomes_too_large_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """What HDF5 itself makes of the same calls is what both have to be."""
    monkeypatch.setattr(arrays, "_MOST_IN_MEMORY_BYTES", most)
    parts = [{name: np.arange(n, dtype=np.int64) for name in SPIKES.datasets} for n in (5, 0, 70_000, 3)]
    with array_writer(tmp_path / "spikes.h5", SPIKES, simulated=False) as append:
        for part in parts:
            append(part)
    with h5py.File(tmp_path / "direct.h5", "w", track_order=True) as file:
        file.attrs.update(kind=SPIKES.kind, format_version=1, simulated=False)
        for name, declared in SPIKES.datasets.items():
            made = file.create_dataset(
                name, (0,), declared.dtype, maxshape=(None,), chunks=(1 << 16,), track_times=False
            )
            made.attrs["unit"], made.attrs["dimensions"] = declared.unit, list(declared.dimensions)
            del made  # a dataset that is open holds back what is written to it
        for part in parts:
            for name, values in part.items():
                n = len(file[name])
                file[name].resize(n + len(values), axis=0)
                file[name][n:] = values
    assert (tmp_path / "spikes.h5").read_bytes() == (tmp_path / "direct.h5").read_bytes()
