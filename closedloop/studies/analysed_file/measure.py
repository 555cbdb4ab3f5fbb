"""Reliability, ceiling, sigma and preferred categories of the sites of a file, by the estimators that a study uses.

Where the file says what a study says (what was shown, in which role, the seed of the halves), the numbers are those
that the study published: reliability over clean images of roles that tell it, sigma over the fresh ones. Where it says
nothing, every image is a fresh clean one.

Intervals are over images, by halving them (`closedloop.analysis.representation.halves`): all is done anew in both
halves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.analysis.categories.preferred import preferred_level
from closedloop.analysis.dispersion import random_pair_change, sigma, sigma_corrected
from closedloop.analysis.normalizers import on_one_scale
from closedloop.analysis.reliability import N_SPLITS, mean_response, noise_ceiling
from closedloop.analysis.repetitions import repetitions_of
from closedloop.analysis.representation.halves import Uncertain, image_halves, mean_of
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.tables import Columns, as_arrays
from closedloop.exchange.reading.responses import CLEAN, FileResponses
from closedloop.execution.progress import ProgressCallback
from closedloop.stages.ingest.sites import electrode_statistics
from closedloop.studies.analysed_file.documents import (
    ANALYSED_PREFERENCES,
    ANALYSED_SITES,
    AnalysedFile,
    AnalysedRecording,
    MeanOverSites,
)
from closedloop.studies.analysed_file.notices import notices_of
from closedloop.studies.preferred_categories import categories_row

Floats = NDArray[np.float64]

_N_HALVINGS, _N_SPLITS_OF_HALF = (
    25,
    5,
)  # splits of the repetitions in each half of the images: they are averaged over halvings
_LEAST_HALVED = 8  # images: below, half of them tell nothing


@dataclass(frozen=True)
class FileAnalysis:
    """What a file says.

    Attributes
    ----------
    document
        The file, and means over its sites.
    sites
        Table ``ANALYSED_SITES``.
    preferences
        Table ``ANALYSED_PREFERENCES``, and the rows of it as `preferred_categories` has them; None without categories.
    """

    document: AnalysedFile
    sites: Columns
    preferences: Columns | None
    preferred: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class CleanOfFile:
    """The clean images of a file, all recordings on the scale of the first.

    Attributes
    ----------
    image_index
        Rows of `names`, of each presentation.
    names
        Of the images.
    categories
        Of each, empty where unknown.
    rates
        (n_presentations, n_sites).
    unscaled
        Recordings whose responses are as they were, in a sentence; empty where there is none.
    kept
        Which of the file's images these are.
    """

    image_index: NDArray[np.int64]
    names: tuple[str, ...]
    categories: tuple[str, ...]
    rates: Floats
    unscaled: str
    kept: NDArray[np.int64]


def analyse_file(
    found: FileResponses, *, source: str, sha256: str, seed: int, progress: ProgressCallback
) -> FileAnalysis:
    """Analyse the responses of a file.

    Parameters
    ----------
    found
        What it holds.
    source, sha256
        The file's name and content.
    seed
        Of halves and resamples, where the file names none.
    progress
        Called with (done, total).
    """
    rows, recordings = list[dict[str, Any]](), list[AnalysedRecording]()
    total = len(found.recordings) * (_N_HALVINGS + 1)
    for place, name in enumerate(found.recordings):
        own = _FileSession.of(found, place, seed=found.seeds[place] or derive_seed(seed, "reliability", name))
        tell = partial(_tell, progress, place * (_N_HALVINGS + 1), total)
        numbers = own.numbers(seed=derive_seed(seed, "halves", name), progress=tell)
        rows += own.rows(name, found.sites, numbers)
        recordings.append(own.described(name, numbers))
    progress(total, total)
    clean = clean_of_file(found)
    preferred = _preferred(clean, seed=seed)
    document = AnalysedFile(
        simulated=found.simulated,
        code_version=__version__,
        seed=seed,
        source=source,
        source_sha256=sha256,
        format=found.format,
        unit=found.unit,
        said=dict(found.said),
        n_sites=len(found.sites),
        n_images=len(clean.names),
        n_categories=len(set(clean.categories) - {""}),
        recordings=tuple(recordings),
        notices=tuple(
            notices_of(
                found,
                recordings,
                rows,
                categories=clean.categories,
                unscaled=clean.unscaled,
                has_preferences=bool(preferred),
            )
        ),
    )
    table = None
    if preferred:
        named = [
            {"site": site, **dict(zip(list(ANALYSED_PREFERENCES.columns)[1:], row.values(), strict=True))}
            for site, row in zip(found.sites, preferred, strict=True)
        ]
        table = as_arrays(named, ANALYSED_PREFERENCES)
    return FileAnalysis(document, as_arrays(rows, ANALYSED_SITES), table, tuple(preferred))


def _tell(progress: ProgressCallback, before: int, total: int, done: int) -> None:
    progress(before + done, total)


def clean_of_file(found: FileResponses) -> CleanOfFile:
    """Return the clean images of a file with all presentations of them, on one scale."""
    rows = np.flatnonzero(found.kind == CLEAN)
    kept, index = np.unique(found.image_index[rows], return_inverse=True)
    index = index.reshape(-1)
    rates, unscaled = on_one_scale(found.rates[rows], index, found.recording[rows], first=None, n_images=len(kept))
    names = ", ".join(found.recordings[one] for one in unscaled)
    said = (
        f"{names}: too few of its images were shown in the first recording; drift is in its responses." if names else ""
    )
    return CleanOfFile(
        index,
        tuple(found.images[one] for one in kept),
        tuple(found.category[one] for one in kept),
        rates,
        said if names else "",
        kept,
    )


def shown_repeatedly(clean: CleanOfFile) -> CleanOfFile:
    """Return the images that were shown more than once: of others no half of the repetitions says anything."""
    again = np.bincount(clean.image_index, minlength=len(clean.names)) > 1
    images, rows = np.flatnonzero(again), again[clean.image_index]
    return replace(
        clean,
        image_index=(np.cumsum(again) - 1)[clean.image_index[rows]],
        names=tuple(clean.names[one] for one in images),
        categories=tuple(clean.categories[one] for one in images),
        rates=clean.rates[rows],
        kept=clean.kept[images],
    )


@dataclass(frozen=True)
class _SiteNumbers:
    """Of each site: reliability, ceiling and sigma, each with what halvings of the images say."""

    reliability: list[Uncertain]
    ceiling: list[Uncertain]
    sigma: list[Uncertain]


@dataclass(frozen=True)
class _FileSession:
    """One session's presentations, with the images numbered as its study numbers them."""

    rates: Floats
    number: NDArray[np.int64]
    kind: NDArray[np.str_]
    role: NDArray[np.str_]
    seed: int

    @classmethod
    def of(cls, found: FileResponses, place: int, *, seed: int) -> _FileSession:
        """Return a recording of a file."""
        own = found.recording == place
        number = found.number[own]
        kind, role = (np.full(int(number.max()) + 1, "", dtype=one.dtype) for one in (found.kind, found.role))
        kind[number], role[number] = found.kind[own], found.role[own]
        return cls(found.rates[own], number, kind, role, seed)

    @property
    def clean(self) -> NDArray[np.bool_]:
        """Presentations of clean images."""
        return np.asarray((self.kind == CLEAN)[self.number])

    def _statistics(self, rows: NDArray[np.bool_], *, n_splits: int = N_SPLITS) -> tuple[Floats, Floats]:
        """Return reliability and sigma of some presentations, (n_sites,) each."""
        found = electrode_statistics(
            self.rates[rows], self.number[rows], self.stimuli, seed=self.seed, n_splits=n_splits
        )
        return found.reliability, found.sigma_hz

    @property
    def stimuli(self) -> Columns:
        """What each image is, by its number."""
        return {"kind": self.kind, "role": self.role}

    def numbers(self, *, seed: int, progress: Callable[[int], None]) -> _SiteNumbers:
        """Return the sites' numbers with their errors."""
        reliability, spread = self._statistics(np.ones(len(self.rates), dtype=bool))
        progress(1)
        images = np.unique(self.number[self.clean])
        errors = np.full((3, _N_HALVINGS, self.rates.shape[1]), np.nan)
        if len(images) >= _LEAST_HALVED:
            for place, first in enumerate(image_halves(len(images), seed=seed, n_halvings=_N_HALVINGS)):
                halves = [np.isin(self.number, images[own]) for own in (first, ~first)]
                (one, sigma_one), (other, sigma_other) = (
                    self._statistics(own, n_splits=_N_SPLITS_OF_HALF) for own in halves
                )
                errors[0, place] = (one - other) / 2
                errors[1, place] = (_ceiling(one) - _ceiling(other)) / 2
                errors[2, place] = (sigma_one - sigma_other) / 2
                progress(place + 2)
        values = (reliability, _ceiling(reliability), spread)
        return _SiteNumbers(
            *(
                [Uncertain(float(value), of_sites[:, site]) for site, value in enumerate(own)]
                for own, of_sites in zip(values, errors, strict=True)
            )
        )

    def rows(self, name: str, sites: tuple[str, ...], numbers: _SiteNumbers) -> list[dict[str, Any]]:
        """Return the rows of the table of sites."""
        fresh = self.clean & (self.role == CLEAN)[self.number]  # as sigma is
        n_images = len(self.kind)
        known = np.isfinite(self.rates[fresh])
        mean = mean_response(self.rates[fresh], self.number[fresh], n_images=n_images)
        corrected = sigma_corrected(repetitions_of(self.rates[fresh], self.number[fresh], n_images=n_images))
        pair = random_pair_change(mean)
        return [
            {
                "recording": name,
                "site": site,
                "n_images": int(np.isfinite(mean[:, place]).sum()),
                "n_presentations": int(known[:, place].sum()),
                **_with_interval("reliability", numbers.reliability[place]),
                **_with_interval("ceiling", numbers.ceiling[place]),
                "mean": _mean(mean[:, place]),
                **_with_interval("sigma", numbers.sigma[place]),
                "sigma_corrected": corrected[place],
                "random_pair": pair[place],
            }
            for place, site in enumerate(sites)
        ]

    def described(self, name: str, numbers: _SiteNumbers) -> AnalysedRecording:
        """Return the recording as a whole."""
        shown = np.bincount(self.number[self.clean], minlength=1)
        return AnalysedRecording(
            name=name,
            n_presentations=int(self.clean.sum()),
            n_images=int((shown > 0).sum()),
            n_repeated_images=int((shown > 1).sum()),
            seed=self.seed,
            reliability=_mean_over_sites(numbers.reliability),
            ceiling=_mean_over_sites(numbers.ceiling),
            sigma=_mean_over_sites(numbers.sigma),
        )


def _ceiling(reliability: Floats) -> Floats:
    """Return noise ceilings; 0 of a site whose halves do not correlate, as a mean over sites counts it."""
    return np.where(reliability < 0, 0.0, noise_ceiling(reliability))


def _with_interval(name: str, number: Uncertain) -> dict[str, float]:
    low, high = number.interval if number.has_interval else (np.nan, np.nan)
    return {name: number.value, f"{name}_low": low, f"{name}_high": high}


def _mean(values: Floats) -> float:
    return float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else float("nan")


def _mean_over_sites(numbers: list[Uncertain]) -> MeanOverSites:
    known = [one for one in numbers if np.isfinite(one.value)]
    if not known:
        return MeanOverSites(mean=None, low=None, high=None, n_sites=0)
    whole = [one for one in known if one.has_interval]
    found = mean_of(known)
    low, high = found.interval if len(whole) == len(known) else (None, None)
    return MeanOverSites(mean=found.value, low=low, high=high, n_sites=len(known))


def _preferred(clean: CleanOfFile, *, seed: int) -> list[dict[str, Any]]:
    """Return what each site prefers, over the images whose category is known; nothing without two categories."""
    known = np.array([name != "" for name in clean.categories], dtype=bool)
    names, category = np.unique(np.array(clean.categories)[known], return_inverse=True)
    if len(names) < 2:
        return []
    means = mean_response(clean.rates, clean.image_index, n_images=len(clean.names))[known]
    means[:, ~(sigma(means) > 0)] = np.nan  # a site that answers everything alike prefers nothing
    best, least = (preferred_level(side * means, category.reshape(-1), seed=seed) for side in (1, -1))
    if not (best.category >= 0).any():
        return []
    return [categories_row(place, names, best=best, least=least) for place in range(means.shape[1])]
