"""idx files: read as they were written, by either name, and refused in a line where they are damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from closedloop.errors import ImageError
from closedloop.stimuli.idx import is_idx_folder, read_idx, read_idx_folder
from tests.unit.defenses.digits import digits, write_digits, write_idx


def test_a_folder_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = write_digits(tmp_path / "digits")
    images, labels = read_idx_folder(folder, "test")
    assert is_idx_folder(folder)
    assert not is_idx_folder(tmp_path)
    assert np.array_equal(images.reshape(len(images), -1), digits()[1].images)
    assert np.array_equal(labels, digits()[1].classes)


def test_a_name_with_a_dot_is_found_too(tmp_path: Path) -> None:
    write_idx(tmp_path / "train-images.idx3-ubyte", np.zeros((2, 3, 3), np.uint8))
    write_idx(tmp_path / "train-labels.idx1-ubyte", np.zeros(2, np.uint8))
    assert read_idx_folder(tmp_path, "train")[0].shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected an idx file of unsigned bytes with 1 axes"),
        (bytes((0, 0, 13, 1)) + (4).to_bytes(4, "big") + bytes(16), "found another head (00000d01)"),
        (bytes((0, 0, 8, 1)) + (9).to_bytes(4, "big") + bytes(5), "expected 9 values, found 5"),
        (bytes((0, 0, 8, 1)) + (2).to_bytes(4, "big") + bytes(5), "expected 2 values, found more"),
        (bytes((0, 0, 8, 1)) + (2**31).to_bytes(4, "big") + bytes(5), "found 2,147,483,648 promised"),
    ],
)
def test_what_is_no_idx_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "t10k-labels-idx1-ubyte"
    path.write_bytes(content)
    with pytest.raises(ImageError, match="t10k-labels") as caught:
        read_idx(path, n_axes=1)
    assert said in str(caught.value)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    write_idx(path, np.arange(200, dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ImageError, match="damaged archive"):
        read_idx(path, n_axes=1)
    path.write_bytes(gzip.compress(b"no idx"))
    with pytest.raises(ImageError, match="another head"):
        read_idx(path, n_axes=1)


def test_a_wrong_checksum_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    content = bytearray(gzip.compress(bytes((0, 0, 8, 1, 0, 0, 0, 2, 7, 9))))
    content[-6] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(ImageError, match=r"damaged archive \(CRC check failed") as refused:
        read_idx(path, n_axes=1)
    assert "Errno" not in str(refused.value)


def test_labels_of_other_images_and_missing_files_are_refused(tmp_path: Path) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((3, 2, 2), np.uint8))
    with pytest.raises(ImageError, match="expected train-labels-idx1-ubyte or"):
        read_idx_folder(tmp_path, "train")
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(2, np.uint8))
    with pytest.raises(ImageError, match="found 3 images and 2 labels"):
        read_idx_folder(tmp_path, "train")
