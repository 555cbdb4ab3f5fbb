"""HDF5 files that are damaged, or made to harm: one line each, and no value from anywhere but the file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from closedloop.artifacts.arrays import check_arrays, read_arrays, write_arrays
from closedloop.artifacts.day.responses import RESPONSE_COUNTS
from closedloop.errors import DocumentError
from tests.unit.messages import refused

DAMAGED = Path(__file__).parents[2] / "data" / "hostile"
COUNTS = np.arange(12.0).reshape(4, 3)
SECRET = b"root:x:0:0:root:/root:/bin/bash\n" * 3


def counts_file(folder: Path) -> Path:
    path = folder / "responses.h5"
    write_arrays(path, RESPONSE_COUNTS, {"counts": COUNTS, "electrode_id": np.arange(3)}, simulated=True)
    return path


def external_storage(file: h5py.File, folder: Path) -> None:
    """Values that HDF5 takes from any other file, by its path: it read /etc/passwd."""
    (folder / "secret").write_bytes(SECRET)
    file.create_dataset("counts", (4, 3), "f8", external=[(str(folder / "secret"), 0, 96)])


def external_link(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "elsewhere.h5", "w") as other:
        other["counts"] = COUNTS
    file["counts"] = h5py.ExternalLink(str(folder / "elsewhere.h5"), "counts")


def soft_link(file: h5py.File, folder: Path) -> None:
    file["elsewhere"] = COUNTS
    file["counts"] = h5py.SoftLink("/elsewhere")


def virtual_dataset(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "elsewhere.h5", "w") as other:
        other["counts"] = COUNTS
    layout = h5py.VirtualLayout((4, 3), "f8")
    layout[:] = h5py.VirtualSource(folder / "elsewhere.h5", "counts", shape=(4, 3))
    file.create_virtual_dataset("counts", layout)


def group(file: h5py.File, folder: Path) -> None:
    file.create_group("counts")["counts"] = file["/"]


def compressed(file: h5py.File, folder: Path) -> None:
    """A terabyte of zeros, a few hundred bytes on disk."""
    file.create_dataset("counts", (1 << 37, 3), "f8", chunks=(1 << 16, 3), compression="gzip")


def never_written(file: h5py.File, folder: Path) -> None:
    file.create_dataset("counts", (1 << 40, 3), "f8", chunks=(1 << 16, 3))


def never_written_in_one_run(file: h5py.File, folder: Path) -> None:
    file.create_dataset("counts", (1 << 40, 3), "f8")


def half_written(file: h5py.File, folder: Path) -> None:
    file.create_dataset("counts", (4, 3), "f8", chunks=(2, 3))[:2] = COUNTS[:2]


def parts_of_rows(file: h5py.File, folder: Path) -> None:
    file.create_dataset("counts", data=COUNTS, chunks=(2, 1))


def compact(file: h5py.File, folder: Path) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(file.id, b"counts", h5py.h5t.IEEE_F64LE, h5py.h5s.create_simple((4, 3)), plan)


def of_type(dtype: object, *, n_dimensions: int = 2) -> Callable[[h5py.File, Path], None]:
    def replace(file: h5py.File, folder: Path) -> None:
        file.create_dataset("counts", (2,) * n_dimensions, dtype)

    replace.__name__ = f"{dtype} in {n_dimensions} dimensions"
    return replace


@pytest.mark.parametrize(
    ("replace", "found"),
    [
        (external_storage, "its values lie in other files"),
        (external_link, "a link to somewhere else"),
        (soft_link, "a link to somewhere else"),
        (virtual_dataset, "another layout"),
        (group, "a group"),
        (compressed, "filter 1"),
        (never_written, "a file that is smaller"),
        (never_written_in_one_run, "bytes of counts in an HDF5 file of kind response_counts, found 0"),
        (half_written, "2 chunks of counts in an HDF5 file of kind response_counts, found 1"),
        (parts_of_rows, "chunks of shape (2, 1)"),
        (compact, "another layout"),
        (of_type(h5py.string_dtype()), "object"),
        (of_type(h5py.vlen_dtype(np.float64)), "object"),
        (of_type(h5py.ref_dtype), "object"),
        (of_type(np.dtype([("a", "f8")])), "[('a', '<f8')]"),
        (of_type(np.dtype("V8")), "|V8"),
        (of_type(np.float32), "float32"),
        (of_type(">f8"), ">f8"),
        (of_type(np.float64, n_dimensions=3), "shape (2, 2, 2)"),
        (of_type(np.float64, n_dimensions=0), "shape ()"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_dataset_that_is_not_as_ours_are_is_refused_by_what_it_is(
    tmp_path: Path, replace: Callable[[h5py.File, Path], None], found: str
) -> None:
    path = counts_file(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["counts"]
        replace(file, tmp_path)
    with refused(DocumentError, path, "counts", found, "Restore the file."):
        read_arrays(path, RESPONSE_COUNTS)
    with refused(DocumentError, path):
        check_arrays(path, RESPONSE_COUNTS)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("kind", 7, "found 7. Put the right file there"),
        ("kind", np.arange(3), "found an array of shape (3,)"),
        ("kind", np.zeros(9000), "found an array of shape (9000,)"),
        ("kind", h5py.Empty("f8"), "of kind response_counts, found"),
        ("format_version", np.ones(2), "a format version, found 'an array of shape (2,)'"),
        ("format_version", "1 " * 600, "a format version, found '1 1 1"),
        ("format_version", True, "a format version, found 'bool"),
        ("format_version", float("nan"), "a format version, found 'nan'"),
        ("format_version", -1, "a format version, found '-1'"),
    ],
)
def test_an_attribute_of_another_type_is_refused_in_one_line(
    tmp_path: Path, name: str, value: object, said: str
) -> None:
    path = counts_file(tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value
    with refused(DocumentError, path, said) as caught:
        read_arrays(path, RESPONSE_COUNTS)
    assert len(str(caught.value)) < len(str(path)) + 200


def test_datasets_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """Values of many gigabytes may lie in one place of a small file; read, they need that much memory."""
    path = tmp_path / "responses.h5"
    write_arrays(path, RESPONSE_COUNTS, {"counts": np.ones((32, 32)), "electrode_id": np.zeros(4096)}, simulated=True)
    with h5py.File(path) as file:
        first, second = sorted(dataset.id.get_offset() for dataset in file.values())
    content = path.read_bytes()
    shared = bytearray(content.replace(second.to_bytes(8, "little"), first.to_bytes(8, "little"))[:second])
    shared[40:48] = second.to_bytes(8, "little")  # the file's end, as its first bytes say it
    path.write_bytes(shared)
    with refused(DocumentError, path, "16384 bytes of values in an HDF5 file of kind response_counts, found a file"):
        read_arrays(path, RESPONSE_COUNTS)


def test_a_file_behind_other_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "behind.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.attrs.update(kind="response_counts", format_version=1, simulated=True)
        file["counts"], file["electrode_id"] = COUNTS, np.arange(3, dtype=np.uint16)
    with refused(DocumentError, path, "from its first byte on"):
        read_arrays(path, RESPONSE_COUNTS)


def test_a_folder_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    """A pipe that nobody writes to never gives a byte: who opens it waits for ever."""
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "folder.h5").mkdir()
    for name in ("pipe.h5", "folder.h5"):
        with refused(DocumentError, tmp_path / name, "damaged one (no file)"):
            read_arrays(tmp_path / name, RESPONSE_COUNTS)


def test_a_file_is_read_from_any_thread(tmp_path: Path) -> None:
    path, found = counts_file(tmp_path), []
    thread = threading.Thread(target=lambda: found.append(read_arrays(path, RESPONSE_COUNTS)["counts"]))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found[0], COUNTS)


def test_another_file_of_the_same_name_is_looked_at_anew(tmp_path: Path) -> None:
    path = counts_file(tmp_path)
    os.utime(path, (1, 1))
    np.testing.assert_array_equal(read_arrays(path, RESPONSE_COUNTS)["counts"], COUNTS)
    write_arrays(path, RESPONSE_COUNTS, {"counts": COUNTS[:, :2], "electrode_id": np.arange(2)}, simulated=True)
    os.utime(path, (1, 1))
    np.testing.assert_array_equal(read_arrays(path, RESPONSE_COUNTS)["counts"], COUNTS[:, :2])


def test_a_file_in_which_a_number_of_the_index_is_damaged_is_refused() -> None:
    """Its `counts` are a group: reading it ended in a TypeError."""
    with refused(DocumentError, DAMAGED / "group-for-dataset.h5", "a dataset counts"):
        read_arrays(DAMAGED / "group-for-dataset.h5", RESPONSE_COUNTS)


@pytest.mark.slow
def test_a_file_in_which_hdf5_never_comes_to_an_end_is_refused() -> None:
    with refused(DocumentError, DAMAGED / "endless.h5", "no end of reading it"):
        read_arrays(DAMAGED / "endless.h5", RESPONSE_COUNTS)
