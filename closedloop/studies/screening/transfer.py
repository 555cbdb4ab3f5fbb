"""Criterion C: the change in IT that layer-targeted images cause, without any mapping between layer and sites.

The clean images and the changed ones of all layers are shown in one session in a shuffled order: a gain that drifts
between sessions would be taken for a change. A simulated subject is shown them in memory. Those who have an animal
find them as files, and read its responses back from a table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.analysis.repetitions import noiseless_square, repetitions_of
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.tables import Columns
from closedloop.attacks.layer_attacks import LayerAttacks
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.errors import DocumentError
from closedloop.execution.shards import made_once, shard_name
from closedloop.plain_text.response_tables import read_response_table
from closedloop.report.pictures import png
from closedloop.storage import read_bytes, remove_file, sha256_bytes, write_bytes
from closedloop.storage.folders import make_folder
from closedloop.studies.files import write_both
from closedloop.studies.screening.documents import TRANSFER_IMAGES
from closedloop.studies.screening.responses import LEAST_SHARE, Bytes, Floats, ImageResponses
from closedloop.studies.screening.settings import ScreeningFiles, ScreeningSettings
from closedloop.studies.screening.systems import Cell
from closedloop.studies.simulated_subject import StudySubject

_FORMAT = "screening transfer 1"
_SQUARES = ("squares",)
_N_DIGITS = 8  # of an image's id in the name of its file
_OURS = re.compile(r"(clean|.+_eps[\d.e+-]+)_\d{4,}(_[\da-f]{8})?\.png")


@dataclass(frozen=True)
class TransferImages:
    """Clean images and, for each layer and epsilon, their changed twins.

    Attributes
    ----------
    names, pixels
        The clean images, uint8, (n_images, side, side, 3).
    changed
        By cell and epsilon, in their order.
    """

    names: tuple[str, ...]
    pixels: Bytes
    changed: tuple[tuple[LayerAttacks, ...], ...]

    @property
    def all_pixels(self) -> Bytes:
        """The clean images, then those of each cell and epsilon, ((1 + n_cells n_epsilons) n_images, ...)."""
        return np.concatenate([self.pixels, *(one.attacked for of_cell in self.changed for one in of_cell)])

    @cached_property
    def identities(self) -> tuple[str, ...]:
        """What each of all images is, by its pixels: a response to it is of no other."""
        return tuple(stimulus_id(one)[:_N_DIGITS] for one in self.all_pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Cells, epsilons and images."""
        return len(self.changed), len(self.changed[0]), len(self.names)


def simulated_squares(
    images: TransferImages, subject: StudySubject, settings: ScreeningSettings, *, folder: Path
) -> Floats:
    """Show all images to a simulated subject, once, and return each change's square without its noise.

    Parameters
    ----------
    images
        To be shown.
    subject
        To whom.
    settings
        How often.
    folder
        Where the result is kept.

    Returns
    -------
    ndarray
        Hz squared, (n_cells, n_epsilons, n_images, n_sites).
    """
    pixels = images.all_pixels
    name = shard_name(_FORMAT, __version__, repr(subject), settings.repetitions, sha256_bytes(pixels.tobytes()))
    path = folder / f"{name}.npz"

    def make(temporary: Path) -> None:
        shown = np.full(len(pixels), settings.repetitions)
        rates, order = subject.presentations(pixels, shown, day=0, block="screening transfer")
        write_shard({"squares": _squares(rates, order, images)}, temporary)

    made_once(path, make)
    return np.asarray(read_shard(path, names=_SQUARES)["squares"])


def table_squares(
    table: Path, images: TransferImages, cells: Sequence[Cell], responses: ImageResponses, *, epsilons: Sequence[float]
) -> Floats:
    """Read an animal's responses to the images, and return each change's square without its noise.

    Parameters
    ----------
    table
        CSV with the columns image (a file name of `TRANSFER_IMAGES`), repetition, and one a site.
    images
        That were to be shown.
    cells
        Whose images these are.
    responses
        To the clean images of the other criteria: their sites are those that count.
    epsilons
        Of the images.

    Returns
    -------
    ndarray
        In the responses' unit, squared, (n_cells, n_epsilons, n_images, n_sites), as `complete_squares` leaves them.

    Raises
    ------
    DocumentError
        The table is none of these images, or lacks a site.
    """
    rows = read_response_table(table, name_of=lambda name: Path(name).name)
    files = file_names(images, cells, epsilons=epsilons)
    if lacking := [site for site in responses.sites if site not in rows.sites]:
        raise DocumentError(
            f"{table}: expected a column for every site of the clean images' responses, found none of {lacking[0]}. "
            "Name the columns alike."
        )
    place = {name: number for number, name in enumerate(files)}
    for name, line in zip(rows.images, rows.lines, strict=True):
        if name not in place:
            raise DocumentError(
                f"{table}, line {line}: expected the name of an image of these options, such as {files[0]}, found "
                f"{name}. Give the options with which it was made (--seed, --study and all), or run without --transfer "
                "and show the images that are written then."
            )
    order = np.array([place[name] for name in rows.images], dtype=np.int64)
    columns = [rows.sites.index(site) for site in responses.sites]
    squares = complete_squares(_squares(np.array(rows.rates)[:, columns], order, images))
    if lacking := [c.name for c, own in zip(cells, squares, strict=True) if not _known(own).any(axis=(1, 2)).all()]:
        raise DocumentError(
            f"{table}: expected images of every layer and epsilon, each and its clean one shown twice or more, found "
            f"none of {lacking[0]}. Show them, or leave its network out."
        )
    return squares


def complete_squares(squares: Floats) -> Floats:
    """Return the squares of the sites that most shown images have, and of the images that all these sites have.

    Every cell is then a mean over the same sites, and each of its images weighs alike. All else is NaN.
    """
    known = _known(squares)
    shown = known[known.any(axis=-1)]
    sites = shown.mean(axis=0) >= LEAST_SHARE if len(shown) else np.zeros(squares.shape[-1], dtype=bool)
    complete = known[..., sites].all(axis=-1, keepdims=True)
    return np.where(complete & sites, squares, np.nan)


def write_images(
    images: TransferImages, cells: Sequence[Cell], files: ScreeningFiles, *, epsilons: Sequence[float], simulated: bool
) -> None:
    """Write all images as PNG, pixel for pixel, and a table that says what each is; remove those of another making.

    Parameters
    ----------
    images
        To be shown to an animal.
    cells
        Whose they are.
    files
        Where they go.
    epsilons
        Of the images.
    simulated
        The mark of simulated data.
    """
    make_folder(files.stimuli)
    names = file_names(images, cells, epsilons=epsilons)
    for name, pixels in zip(names, images.all_pixels, strict=True):
        path, content = files.stimuli / name, png(pixels)
        if not path.is_file() or read_bytes(path) != content:
            write_bytes(path, content)
    write_both(
        files.stimulus_table, TRANSFER_IMAGES, image_columns(images, cells, epsilons=epsilons), simulated=simulated
    )
    for path in set(files.stimuli.iterdir()) - {files.stimuli / name for name in names}:
        if _OURS.fullmatch(path.name):
            remove_file(path)


def image_columns(images: TransferImages, cells: Sequence[Cell], *, epsilons: Sequence[float]) -> Columns:
    """Return what each image is, as the columns of `TRANSFER_IMAGES`.

    Parameters
    ----------
    images
        Clean and changed.
    cells
        Whose they are.
    epsilons
        Of the changed ones.
    """
    n = len(images.names)
    kinds = [("clean", "", "", 0.0), *((PERTURBED, c.network, c.layer, e) for c in cells for e in epsilons)]
    made = [one for of_cell in images.changed for one in of_cell]
    files = file_names(images, cells, epsilons=epsilons)
    return {
        "image": np.array(files, dtype=object),
        "kind": _repeated([kind[0] for kind in kinds], n),
        "clean_image": np.array(files[:n] * len(kinds), dtype=object),
        "source_image": np.array(list(images.names) * len(kinds), dtype=object),
        "network": _repeated([kind[1] for kind in kinds], n),
        "layer": _repeated([kind[2] for kind in kinds], n),
        "epsilon": np.repeat([kind[3] for kind in kinds], n),
        "realised_epsilon": np.concatenate([np.zeros(n), *(one.realised_epsilon for one in made)]),
        "displacement": np.concatenate([np.zeros(n), *(one.displacement for one in made)]),
    }


def file_names(images: TransferImages, cells: Sequence[Cell], *, epsilons: Sequence[float]) -> list[str]:
    """Return the names of all images' files, in the order of `TransferImages.all_pixels`.

    Parameters
    ----------
    images
        Clean and changed.
    cells
        Whose they are.
    epsilons
        Of the changed ones.
    """
    stems = ["clean", *(f"{cell.name.replace(' ', '_')}_eps{epsilon:g}" for cell in cells for epsilon in epsilons)]
    names = [f"{stem}_{place:04d}" for stem in stems for place in range(len(images.names))]
    return [f"{name}_{identity}.png" for name, identity in zip(names, images.identities, strict=True)]


def _squares(rates: Floats, order: NDArray[np.int64], images: TransferImages) -> Floats:
    n_cells, n_epsilons, n = images.shape
    repetitions = repetitions_of(rates, order, n_images=(1 + n_cells * n_epsilons) * n)
    clean, changed = repetitions[:n], repetitions[n:].reshape(n_cells * n_epsilons, *repetitions[:n].shape)
    flat = [noiseless_square(clean.reshape(-1, clean.shape[-1]), one.reshape(-1, one.shape[-1])) for one in changed]
    return np.array(flat).reshape(n_cells, n_epsilons, n, -1)


def _known(squares: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(squares))


def _repeated(words: Sequence[str], n: int) -> NDArray[np.object_]:
    return np.repeat(np.array(words, dtype=object), n)


PERTURBED = "layer_targeted"
