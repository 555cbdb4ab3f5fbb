"""Responses to clean images and the images themselves: of a simulated subject, of a study, or of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.access.clean_responses import clean_responses
from closedloop.access.opening import open_study
from closedloop.analysis.dispersion import sigma
from closedloop.analysis.reliability import split_half_means
from closedloop.analysis.representation.held_out import mean_ceiling
from closedloop.errors import ImageError, StudyError
from closedloop.plain_text.response_tables import read_response_table
from closedloop.stimuli.decoding import load_square
from closedloop.studies.screening.settings import ScreeningSettings
from closedloop.studies.simulated_subject import StudySubject

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SUBJECT_SEED = 2022  # of protocols/dry_run.yaml: "simulated" is the dry run's cortex
LEAST_SHARE = 0.5  # of the images a site must have
_LEAST_IMAGES = 40
_CLEAN_REPETITIONS = 2


@dataclass(frozen=True)
class ImageResponses:
    """Clean images and the responses to every presentation of them.

    Attributes
    ----------
    names
        Of the images, (n_images,).
    pixels
        uint8, (n_images, side, side, 3).
    rates
        (n_presentations, n_sites), in any one unit; NaN where a presentation does not count for a site.
    image_index
        Which image each presentation shows, (n_presentations,).
    sites
        Names, (n_sites,).
    simulated
        Whether they are a simulated animal's.
    origin
        Whose they are, for the page.
    """

    names: tuple[str, ...]
    pixels: Bytes
    rates: Floats
    image_index: Integers
    sites: tuple[str, ...]
    simulated: bool
    origin: str

    @property
    def n_images(self) -> int:
        """Different images."""
        return len(self.names)

    @cached_property
    def halves(self) -> tuple[Floats, Floats]:
        """Mean responses of two halves of the repetitions, (n_images, n_sites) each; NaN where a half has none."""
        return split_half_means(
            self.rates, self.image_index, n_images=self.n_images, rng=np.random.default_rng(len(self.rates))
        )

    @property
    def means(self) -> Floats:
        """Mean of both halves, (n_images, n_sites)."""
        return np.asarray((self.halves[0] + self.halves[1]) / 2)

    @property
    def sigma(self) -> Floats:
        """SD of each site over the clean images, (n_sites,)."""
        return sigma(self.means)


@dataclass(frozen=True)
class ScreenedResponses:
    """What of the responses is complete: every image has two halves of repetitions at every site.

    Attributes
    ----------
    kept
        The responses to be used.
    n_images_left_out, n_sites_left_out
        Images with fewer than two repetitions at a site that is used, and sites that most images have none of.
    """

    kept: ImageResponses
    n_images_left_out: int
    n_sites_left_out: int


def complete_responses(found: ImageResponses, settings: ScreeningSettings) -> ScreenedResponses:
    """Keep the sites that most images have, then the images that all these sites have, and at most so many of these.

    Raises
    ------
    StudyError
        Too few images are left.
    """
    known = np.isfinite(found.means)
    sites = known.mean(axis=0) >= LEAST_SHARE
    complete = np.flatnonzero(known[:, sites].all(axis=1)) if sites.any() else np.empty(0, dtype=np.int64)
    if len(complete) < _LEAST_IMAGES:
        raise StudyError(
            f"{found.origin}: expected at least {_LEAST_IMAGES} clean images with two repetitions at each site, found "
            f"{len(complete)} of {found.n_images}. Screen a day that has more, or give another table."
        )
    if mean_ceiling((found.halves[0][complete][:, sites], found.halves[1][complete][:, sites])) <= 0:
        raise StudyError(
            f"{found.origin}: expected responses that repeat themselves, found halves of the repetitions that do not "
            "correlate at any site. Look at the recording, or give other responses."
        )
    order = np.random.default_rng(settings.seed_of("clean images")).permutation(len(complete))[: settings.n_clean]
    images = np.sort(complete[order])
    return ScreenedResponses(
        _selected(found, images, np.flatnonzero(sites)), found.n_images - len(complete), int((~sites).sum())
    )


def simulated_responses(subject: StudySubject, settings: ScreeningSettings) -> ImageResponses:
    """Show clean images to a simulated subject, each twice, in one session."""
    pixels = subject.images("screening study", settings.n_clean)
    repetitions = np.full(len(pixels), _CLEAN_REPETITIONS)
    rates, order = subject.presentations(pixels, repetitions, day=0, block="screening study")
    return ImageResponses(
        tuple(f"clean-{place:04d}" for place in range(len(pixels))),
        pixels,
        rates,
        order,
        tuple(f"electrode {site}" for site in subject.sites),
        simulated=True,
        origin=f"simulated subject “{subject.name}”, shown {len(pixels)} computed images twice",
    )


def study_responses(folder: Path) -> ImageResponses:
    """Gather the clean images of a study's days that were shown more than once.

    Raises
    ------
    StudyError
        The folder is no study, or nothing is recorded.
    """
    study = open_study(folder)
    found = clean_responses(study)
    return ImageResponses(
        found.image_ids,
        np.stack([study.image(name) for name in found.stimulus_ids]),
        found.rates_hz,
        found.image_index,
        found.sites,
        simulated=study.simulated,
        origin=f"study {study.path.name} of {study.subject}, days {', '.join(map(str, np.unique(found.day)))}"
        + (f". {found.unscaled}" if found.unscaled else ""),
    )


def table_responses(table: Path, *, side_px: int) -> ImageResponses:
    """Read responses from a table, and the images that it names.

    Parameters
    ----------
    table
        CSV with the columns image (a path, from the table's folder), repetition, and one a site; empty where missing.
    side_px
        Side to which the images are brought.

    Raises
    ------
    DocumentError
        The table is none of these.
    ImageError
        An image cannot be read.
    """
    rows = read_response_table(table)
    names = tuple(dict.fromkeys(rows.images))
    place = {name: number for number, name in enumerate(names)}
    pixels = np.stack(
        [_image_of_row(table, rows.lines[rows.images.index(name)], name, side_px=side_px) for name in names]
    )
    index = np.array([place[name] for name in rows.images], dtype=np.int64)
    return ImageResponses(
        names, pixels, np.array(rows.rates), index, rows.sites, simulated=False, origin=f"table {table.name}"
    )


def _image_of_row(table: Path, line: int, name: str, *, side_px: int) -> Bytes:
    try:
        return load_square(table.parent / name, side_px=side_px)
    except ImageError as error:
        raise ImageError(f"{table}, line {line}: {error}") from error


def _selected(found: ImageResponses, images: Integers, sites: Sequence[int] | Integers) -> ImageResponses:
    new = np.full(found.n_images, -1)
    new[images] = np.arange(len(images))
    shown = new[found.image_index] >= 0
    return ImageResponses(
        tuple(found.names[image] for image in images),
        found.pixels[images],
        found.rates[shown][:, sites],
        new[found.image_index[shown]],
        tuple(found.sites[site] for site in sites),
        simulated=found.simulated,
        origin=found.origin,
    )
