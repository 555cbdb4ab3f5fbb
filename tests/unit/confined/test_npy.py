"""numpy's own files, read without numpy's parser: the same values, and one word for what is none."""

from __future__ import annotations

import io
import os
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from closedloop.confined.npy import ArrayFileError, map_npy, read_foreign_header, read_npy, read_npz

DTYPES = ["u1", "i2", "<f4", "<f8", "<i8", "?", "<u2", "<c8"]
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=st.sampled_from(DTYPES[:-1]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
    )
)
def test_what_numpy_wrote_is_read_back(tmp_path: Path, array: NDArray[np.generic]) -> None:
    path = tmp_path / "array.npy"
    np.save(path, array)
    for found in (map_npy(path), read_npy(io.BytesIO(path.read_bytes()), most_bytes=path.stat().st_size)):
        np.testing.assert_array_equal(found, array)
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.savez(tmp_path / "arrays.npz", first=array, second=IMAGES)
    found_both = read_npz(tmp_path / "arrays.npz", ("second", "first"))
    np.testing.assert_array_equal(found_both["first"], array)
    np.testing.assert_array_equal(found_both["second"], IMAGES)


def header(text: str, *, version: int = 1, values: bytes = b"") -> bytes:
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode() + values


def described(dtype: str, shape: str, *, fortran: bool = False) -> str:
    return f"{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}   \n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00",
        b"no array at all",
        header("("),
        header("(" * 3000),
        header("{" * 100_000, version=2),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        header(described("|u1", "(2,)"), version=9, values=bytes(2)),
        header(described("|u1", f"({10**15},)"), values=bytes(2)),
        header(described("|u1", f"({10**18}, {10**18}, {10**18})")),
        header(described("|u1", f"({10**18}, {10**18}, 0, {10**18})"), values=b"x"),
        header(described("|u1", "(-2,)"), values=bytes(2)),
        header(described("|u1", "(2,)"), values=bytes(1)),
        header(described("|u1", "(2,)"), values=bytes(3)),
        header(described("|u1", "(2, 2)", fortran=True), values=bytes(4)),
        header(described("|O", "(2,)"), values=bytes(16)),
        header(described("<U4", "(2,)"), values=bytes(32)),
        header(described("<f16", "(2,)"), values=bytes(32)),
        header(described("|V8", "(2,)"), values=bytes(16)),
        header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }\n", values=bytes(8)),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': __import__('os'), }\n"),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (2L,), }\n", values=bytes(2)),
    ],
    ids=lambda content: content[:70].decode("latin1"),
)
def test_what_is_no_plain_array_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "array.npy"
    path.write_bytes(content)
    with pytest.raises(ArrayFileError) as caught:
        map_npy(path)
    assert len(str(caught.value)) < 150
    with zipfile.ZipFile(tmp_path / "arrays.npz", "w") as archive:
        archive.writestr("a.npy", content)
    if not content.endswith(bytes(3)):  # of a member of an archive, what follows the values is not looked at
        with pytest.raises(ArrayFileError):
            read_npz(tmp_path / "arrays.npz", ("a",))


@pytest.mark.parametrize("n_rows", [0, 3])
def test_rows_of_no_width_take_no_memory(tmp_path: Path, n_rows: int) -> None:
    (tmp_path / "array.npy").write_bytes(header(described("|u1", f"({n_rows}, 0)")))
    assert map_npy(tmp_path / "array.npy").shape == (n_rows, 0)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_a_folder_and_a_pipe_are_no_arrays(tmp_path: Path, make: object) -> None:
    make(tmp_path / "array.npy")  # type: ignore[operator]
    with pytest.raises((ArrayFileError, IsADirectoryError)):
        map_npy(tmp_path / "array.npy")
    with pytest.raises((ArrayFileError, OSError)):
        read_npz(tmp_path / "array.npy", ("a",))


def test_an_archive_that_is_packed_or_says_more_than_it_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    np.savez_compressed(path, a=np.zeros(10_000_000, np.uint8))
    assert path.stat().st_size < 20_000
    with pytest.raises(ArrayFileError, match="packed"):
        read_npz(path, ("a",))
    np.savez(path, a=IMAGES)
    with pytest.raises(ArrayFileError, match="no array"):
        read_npz(path, ("b",))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_an_archive_with_a_flipped_bit_is_read_or_refused(tmp_path: Path, place: float, bit: int, cut: bool) -> None:
    path = tmp_path / "arrays.npz"
    np.savez(path, a=IMAGES, b=np.arange(3))
    content = bytearray(path.read_bytes())
    at = int(place * len(content))
    content[at] ^= 1 << bit
    path.write_bytes(content[:at] if cut else content)
    with suppress(ArrayFileError):
        read_npz(path, ("a", "b"))


@pytest.mark.parametrize(
    ("text", "dtype", "shape"),
    [
        (described("<i8", "(3,)"), "<i8", (3,)),
        (described(">i8", "(3,)"), ">i8", (3,)),
        (described("<f8", "(3,)", fortran=True), "<f8", (3,)),
        (described("|u1", "(2, 3)"), "u1", (2, 3)),
        ("{'descr': '<i8', 'fortran_order': False, 'shape': (   3,), }", "<i8", (3,)),
        ("{'descr':'<i8','fortran_order':False,'shape':(3,)}      ", "<i8", (3,)),
    ],
)
def test_headers_of_other_programs_are_read_however_they_are_spaced(
    tmp_path: Path, text: str, dtype: str, shape: tuple[int, ...]
) -> None:
    """Open Ephys writes its own, without numpy; numpy's reader agrees with ours on each."""
    path = tmp_path / "numbers.npy"
    for version in (1, 2):
        path.write_bytes(header(text.rstrip("\n ").ljust(118) + "\n", version=version, values=bytes(24)))
        found = read_foreign_header(path)
        assert found == (np.dtype(dtype), shape, 129 if version == 1 else 131)
        assert found[:2] == (np.load(path).dtype, np.load(path).shape)


@pytest.mark.parametrize(
    "text", ["(" * 3000, "-" * 4000, "[" * 4000, described("|O", "(3,)"), described("<i8", "(-3,)"), " " * 4090 + "{"]
)
def test_headers_that_only_python_could_read_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "numbers.npy").write_bytes(header(text))
    with pytest.raises(ArrayFileError):
        read_foreign_header(tmp_path / "numbers.npy")
