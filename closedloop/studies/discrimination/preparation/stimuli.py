"""Perturbed images beside their clean ones, from a study's day or a folder of a person's."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.access.opening import open_study
from closedloop.access.sessions import sessions_showing
from closedloop.access.study import Study
from closedloop.artifacts.discrimination.experiment import DiscriminationPair
from closedloop.artifacts.naming import stimulus_id
from closedloop.attacks.lattice.norms import realised_epsilon
from closedloop.errors import ImageError, StudyError
from closedloop.plain_text.limits import MOST_YAML_BYTES, decode, read_limited
from closedloop.stimuli.decoding import load_as_it_is

ATTACKED = "attacked"
PAIRS_NAME = "pairs.csv"
_COLUMNS = ("clean", "perturbed", "epsilon")
_LEAST_SIDE_PX, _MOST_SIDE_PX = 16, 4_096  # a page draws an image pixel as at most 64 of a screen; 8 degrees are 302
_MOST_OF_NAME = 255
_MOST_APART = 2.0  # an epsilon of a person's table and the norm of the bytes: more is another norm or another unit


@dataclass(frozen=True)
class StimulusPairs:
    """Images and which of them belong together.

    Attributes
    ----------
    pairs
        Perturbed images with their clean ones, rows of `images`.
    images
        Each different image once, uint8, (n_images, side, side, 3).
    source
        Where they are from, in words.
    """

    pairs: tuple[DiscriminationPair, ...]
    images: NDArray[np.uint8]
    source: str


@dataclass(frozen=True)
class PerturbedImage:
    """One perturbed image as its source has it; `epsilon` is what it counts under."""

    image_id: str
    clean: NDArray[np.uint8]
    perturbed: NDArray[np.uint8]
    epsilon: float


def gather_pairs(found: Sequence[PerturbedImage], *, source: str) -> StimulusPairs:
    """Keep each different image once, and compute each pair's norm from its bytes.

    Parameters
    ----------
    found
        Perturbed images, in order.
    source
        Where they are from, in words.

    Raises
    ------
    ImageError
        A perturbed image is its clean one, or images differ in size.
    """
    rows: dict[str, int] = {}
    images: list[NDArray[np.uint8]] = []

    def row_of(image: NDArray[np.uint8]) -> int:
        name = stimulus_id(image)
        if name not in rows:
            rows[name] = len(images)
            images.append(image)
        return rows[name]

    pairs = []
    for one in found:
        if one.clean.shape != one.perturbed.shape or one.clean.shape != found[0].clean.shape:
            raise ImageError(f"{source}: expected images of one size, found others ({one.image_id}). Leave it out.")
        side_px = one.clean.shape[0]
        if not _LEAST_SIDE_PX <= side_px <= _MOST_SIDE_PX:
            raise ImageError(
                f"{source}: expected images of {_LEAST_SIDE_PX} to {_MOST_SIDE_PX} pixels a side, found {side_px}. "
                "Leave them out."
            )
        norm = float(realised_epsilon(one.clean, one.perturbed))
        if norm == 0:
            raise ImageError(
                f"{source}: expected a perturbed image, found its clean one ({one.image_id}). Leave it out."
            )
        pairs.append(
            DiscriminationPair(
                image_id=one.image_id,
                clean_index=row_of(one.clean),
                perturbed_index=row_of(one.perturbed),
                epsilon=one.epsilon,
                realised_epsilon=norm,
            )
        )
    return StimulusPairs(tuple(pairs), np.stack(images), source)


def pairs_of_study(folder: Path, day: int | None) -> StimulusPairs:
    """Return a day's attacked images, of a session that was shown, with their clean ones.

    Parameters
    ----------
    folder
        Of a study.
    day
        Which; None: the last one with attacks.

    Raises
    ------
    StudyError
        The study has no such day, or no attacked image was shown on it.
    """
    study = open_study(folder)
    chosen = _last_day(study) if day is None else day
    seen = sessions_showing(study, chosen, ATTACKED)[-1]
    stimuli, images = seen.stimuli(chosen), seen.images(chosen)
    own = stimuli[(stimuli["kind"] == ATTACKED) & (stimuli["realised_epsilon"] > 0)]
    found = [
        PerturbedImage(str(image_id), images[int(clean)], images[int(row)], float(epsilon))
        for row, image_id, clean, epsilon in zip(
            own.index, own["image_id"], own["clean_index"], own["epsilon"], strict=True
        )
    ]
    kind = "a simulated study" if study.simulated else "a study"
    return gather_pairs(found, source=f"attacked images of {kind} of {study.subject}, day {chosen}")


def _last_day(study: Study) -> int:
    days = [day for day, _ in study.sessions if (study.stimuli(day)["kind"] == ATTACKED).any()]
    if not days:
        raise StudyError(f"{study.path}: expected a recorded day with attacked images, found none. Record one first.")
    return days[-1]


def pairs_of_folder(folder: Path) -> StimulusPairs:
    """Return the images that a folder's pairs.csv names: columns clean, perturbed and, if wanted, epsilon.

    Without the column, or where it is empty, a pair counts under its own norm, rounded to one digit after the point.

    Raises
    ------
    ImageError
        There is no such table, or an image cannot be read.
    """
    table = folder / PAIRS_NAME
    missing = f"expected a table with the columns {', '.join(_COLUMNS)}, found no file. Write one, a line a pair."
    content = read_limited(table, most_bytes=MOST_YAML_BYTES, missing=missing, error=ImageError)
    text = decode(content, what="a table", place=str(table), error=ImageError, remedy="Save it as UTF-8.")
    try:
        lines = list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise ImageError(f"{table}: expected a table of short lines, found another ({error}). Correct it.") from error
    if not lines or not {"clean", "perturbed"} <= set(lines[0]):
        raise ImageError(
            f"{table}: expected the columns clean and perturbed and a line a pair, found others. Correct it."
        )
    found = gather_pairs([_of_line(folder, table, line) for line in lines], source=f"the folder {folder.name}")
    _check_roles(found, table)
    return found


def _check_roles(found: StimulusPairs, table: Path) -> None:
    """Refuse a pair that is there twice, and an image that is clean in one pair and perturbed in another."""
    seen: set[tuple[int, int]] = set()
    clean = {pair.clean_index for pair in found.pairs}
    for line, pair in enumerate(found.pairs, start=2):
        place = f"{table}, line {line}"
        if (pair.clean_index, pair.perturbed_index) in seen:
            raise ImageError(f"{place}: expected each pair once, found one of before ({pair.image_id}). Leave it out.")
        if pair.perturbed_index in clean:
            raise ImageError(
                f"{place}: expected a perturbed image that is no pair's clean one, found both in one (pair of "
                f"{pair.image_id}). Correct which is clean."
            )
        seen.add((pair.clean_index, pair.perturbed_index))


def _of_line(folder: Path, table: Path, line: dict[str, str]) -> PerturbedImage:
    names = [line[name] or "" for name in ("clean", "perturbed")]
    for name in names:
        if not name.isprintable() or not 0 < len(name.encode()) <= _MOST_OF_NAME:
            raise ImageError(
                f"{table}: expected names of at most {_MOST_OF_NAME} printable letters, found {name!r:.60}. Correct it."
            )
    clean, perturbed = (folder / name for name in names)
    first, second = _whole_image(clean), _whole_image(perturbed)
    if first.shape != second.shape:
        raise ImageError(f"{perturbed}: expected the size of {clean.name}, found another. Leave it out.")
    return PerturbedImage(names[0], first, second, _epsilon_of(table, line, float(realised_epsilon(first, second))))


def _epsilon_of(table: Path, line: dict[str, str], norm: float) -> float:
    word = (line.get("epsilon") or "").strip()
    if not word:
        return max(round(norm, 1), 0.1)
    try:
        epsilon = float(word)
    except ValueError:
        epsilon = math.nan
    if not 0 < epsilon < math.inf:
        raise ImageError(f"{table}: expected a number above 0 as epsilon, found {word!r:.40}. Correct it.")
    if norm and not 1 / _MOST_APART < epsilon / norm < _MOST_APART:  # without any change it is refused as no pair
        raise ImageError(
            f"{table}: expected an epsilon within a factor of {_MOST_APART:g} of the pair's own L2 norm on 224 x 224 x "
            f"3 pixels, {norm:.3g}, found {word} ({line['perturbed']:.60}). Correct it, or leave it empty for the norm."
        )
    return epsilon


def _whole_image(path: Path) -> NDArray[np.uint8]:
    """Return a square image as its file has it: a resampled one would be another perturbation."""
    image = load_as_it_is(path)
    if image.shape[0] != image.shape[1]:
        height, width = image.shape[:2]
        raise ImageError(f"{path}: expected a square image, found {width} x {height} pixels. Leave it out, or crop it.")
    return image
