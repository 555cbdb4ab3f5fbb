"""Opens a session folder and refuses one that is not what was sealed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.day.session import PRESENTATIONS, SessionDocument
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest, verify_files
from closedloop.artifacts.tables import is_simulated, read_table
from closedloop.confined.npy import ArrayFileError, map_npy
from closedloop.errors import SessionError
from closedloop.storage import sha256_file

SESSION_NAME = catalog.SESSION.name
PRESENTATIONS_NAME = catalog.PRESENTATIONS.name
IMAGES_NAME = catalog.SESSION_IMAGES.name
_NAMES = (SESSION_NAME, PRESENTATIONS_NAME, IMAGES_NAME)
_REBUILD = "Run the schedule stage again and copy the whole folder."


@dataclass(frozen=True)
class PlannedPresentation:
    """One row of presentations.parquet."""

    presentation_index: int
    image_index: int
    stimulus_id: str
    repetition: int


@dataclass(frozen=True)
class Session:
    """A session folder, opened.

    Attributes
    ----------
    folder
        Where it lies.
    document
        session.json.
    planned
        The presentations in the order to be shown; the place in the tuple is the presentation_index.
    images
        All images, uint8, image x height x width x RGB, memory-mapped.
    """

    folder: Path
    document: SessionDocument
    planned: tuple[PlannedPresentation, ...]
    images: NDArray[np.uint8]


def open_session(folder: Path) -> Session:
    """Open a session folder, comparing every byte with its seal first.

    Raises
    ------
    ManifestError
        A file is not the one that was sealed.
    DocumentError
        A file is missing or malformed.
    SessionError
        The files do not belong together.
    """
    refuse_no_session(folder)
    verify_seal(folder)
    return read_session(folder)


def refuse_no_session(folder: Path) -> None:
    """Refuse what is no session folder at all, and say which one may be meant.

    Raises
    ------
    SessionError
        It is none.
    """
    if (folder / SESSION_NAME).is_file() or (folder / MANIFEST_NAME).is_file():
        return
    if folder.is_file() and (folder.parent / SESSION_NAME).is_file():
        raise SessionError(f"{folder}: expected a session folder, found a file. Is {folder.parent} meant?")
    inside = sorted(folder.glob(f"*/{SESSION_NAME}")) + sorted(folder.glob(f"*/*/{SESSION_NAME}"))
    found = "no folder" if not folder.exists() else "a file" if not folder.is_dir() else "no session.json in it"
    meant = f"Is {inside[-1].parent} meant?" if inside else "Give the folder that the schedule stage wrote."
    raise SessionError(f"{folder}: expected a session folder, found {found}. {meant}")


def verify_seal(folder: Path) -> int:
    """Compare the folder with its manifest and return how many bytes were compared.

    Raises
    ------
    ManifestError
        A file is missing or not the one that was sealed.
    SessionError
        The manifest does not cover the session's files.
    """
    manifest = read_manifest(folder)
    unsealed = [name for name in _NAMES if name not in manifest.outputs]
    if unsealed:
        raise SessionError(f"{folder}: expected {unsealed[0]} in manifest.json, found no entry for it. {_REBUILD}")
    verify_files(folder, manifest, only=_NAMES)
    return sum(manifest.outputs[name].n_bytes for name in _NAMES)


def plan_sha256(folder: Path) -> str:
    """Return the sha256 of a session folder's manifest, which names every byte of the plan."""
    return sha256_file(folder / MANIFEST_NAME)


def read_session(folder: Path) -> Session:
    """Open a session folder without comparing it with its seal; the files must still agree with each other.

    Raises
    ------
    DocumentError
        A file is missing or malformed.
    SessionError
        The files do not belong together.
    """
    document = SessionDocument.read(folder / SESSION_NAME)
    planned = _read_planned(folder / PRESENTATIONS_NAME, document)
    return Session(
        folder=folder, document=document, planned=planned, images=_map_images(folder / IMAGES_NAME, document)
    )


def _read_planned(path: Path, document: SessionDocument) -> tuple[PlannedPresentation, ...]:
    columns = read_table(path, PRESENTATIONS)
    n_rows = len(columns["presentation_index"])
    if n_rows != document.n_presentations:
        raise SessionError(f"{path}: expected {document.n_presentations} presentations, found {n_rows}. {_REBUILD}")
    if not np.array_equal(columns["presentation_index"], np.arange(n_rows)):
        raise SessionError(f"{path}: expected presentation_index 0, 1, 2, ..., found another order. {_REBUILD}")
    image_index = columns["image_index"]
    if image_index.min() < 0 or image_index.max() >= document.n_images:
        raise SessionError(
            f"{path}: expected image_index below {document.n_images}, "
            f"found {image_index.min()} to {image_index.max()}. {_REBUILD}"
        )
    if is_simulated(path) != document.simulated:
        raise SessionError(
            f"{path}: expected the same mark of simulated data as {SESSION_NAME}, found another. {_REBUILD}"
        )
    rows = zip(
        range(n_rows),
        image_index.tolist(),
        columns["stimulus_id"].tolist(),
        columns["repetition"].tolist(),
        strict=True,
    )
    return tuple(PlannedPresentation(*row) for row in rows)


def _map_images(path: Path, document: SessionDocument) -> NDArray[np.uint8]:
    try:
        images: NDArray[np.uint8] = map_npy(path)
    except FileNotFoundError as error:
        raise SessionError(f"{path}: expected the images, found no file. {_REBUILD}") from error
    except (ArrayFileError, OSError) as error:
        raise SessionError(f"{path}: expected a .npy array, found a damaged file ({error}). {_REBUILD}") from error
    expected = (document.n_images, document.image_side_px, document.image_side_px, 3)
    if images.dtype != np.uint8 or images.shape != expected:
        raise SessionError(
            f"{path}: expected uint8 of shape {expected}, found {images.dtype} of shape {images.shape}. {_REBUILD}"
        )
    return images
