"""Labelled grey images in MNIST's file format: an idx file of images and one of labels, gzipped or not.

Format: two zero bytes, the kind of value (8: unsigned byte), the number of axes, the length of each as a big-endian
32-bit number, then the values ("the IDX file format" of MNIST's page). Fashion-MNIST's files have the same names.
"""

from __future__ import annotations

import gzip
import math
import zlib
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import ImageError
from closedloop.storage.files import open_to_read

IdxPart: TypeAlias = Literal["train", "test"]
"""Images to train on, or to test with."""

MOST_BYTES = 1 << 30
"""Of one file's values; a head that promises more is refused."""

_BEGINS = {"train": "train", "test": "t10k"}
_UNSIGNED_BYTE = 8
_KINDS = {"images": 3, "labels": 1}  # axes of each file


def is_idx_folder(folder: Path) -> bool:
    """Return whether a folder holds a file that is named as MNIST's training images are."""
    return any(name.is_file() for name in _names(folder, "train", "images"))


def read_idx_folder(folder: Path, part: IdxPart) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read images, (n, height, width), and labels, (n,).

    Parameters
    ----------
    folder
        Where MNIST's or Fashion-MNIST's files are, under their own names.
    part
        Which.

    Raises
    ------
    ImageError
        A file is missing, is no idx file, or the two are not of the same images.
    StorageError
        The disk fails.
    """
    images, labels = (read_idx(_find(folder, part, what), n_axes=n) for what, n in _KINDS.items())
    if len(images) != len(labels) or not images.size:
        raise ImageError(
            f"{folder}: expected a label for every {part} image, found {len(images):,} images and {len(labels):,} "
            "labels. Copy the files again."
        )
    return images, labels


def read_idx(path: Path, *, n_axes: int) -> NDArray[np.uint8]:
    """Read one idx file of unsigned bytes.

    Parameters
    ----------
    path
        The file; gzipped where its name ends in ``.gz``.
    n_axes
        Axes that it must have.

    Raises
    ------
    ImageError
        It is no such file, or damaged.
    StorageError
        The disk fails.
    """
    zipped = path.suffix == ".gz"
    try:
        with open_to_read(path) as raw, gzip.GzipFile(fileobj=raw) if zipped else nullcontext(raw) as stream:
            return _values(stream, path, n_axes=n_axes)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        why = error.args[0]  # as text gzip's own error has a number and a name of a file, and neither is there
        raise ImageError(f"{path}: expected an idx file, found a damaged archive ({why}). Copy it again.") from error


def _values(stream: BinaryIO | gzip.GzipFile, path: Path, *, n_axes: int) -> NDArray[np.uint8]:
    head = stream.read(4 + 4 * n_axes)
    if len(head) < 4 + 4 * n_axes or head[:4] != bytes((0, 0, _UNSIGNED_BYTE, n_axes)):
        raise ImageError(
            f"{path}: expected an idx file of unsigned bytes with {n_axes} axes, found another head "
            f"({head[:4].hex()}). Name another folder."
        )
    shape = tuple(int.from_bytes(head[at : at + 4], "big") for at in range(4, len(head), 4))
    size = math.prod(shape)
    if size > MOST_BYTES:
        raise ImageError(
            f"{path}: expected at most {MOST_BYTES:,} bytes, found {size:,} promised. Name another folder."
        )
    content = stream.read(size + 1)
    if len(content) != size:
        raise ImageError(
            f"{path}: expected {size:,} values, found {'more' if len(content) > size else f'{len(content):,}'}. "
            "Copy it again."
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(shape).copy()


def _find(folder: Path, part: IdxPart, what: str) -> Path:
    names = _names(folder, part, what)
    for name in names:
        if name.is_file():
            return name
    raise ImageError(f"{folder}: expected {names[0].name} or {names[1].name}, found neither. Name another folder.")


def _names(folder: Path, part: IdxPart, what: str) -> list[Path]:
    """Return the names that a file may have; some copies write a dot before "idx"."""
    stem = f"{_BEGINS[part]}-{what}"
    return [folder / f"{stem}{mark}idx{_KINDS[what]}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
