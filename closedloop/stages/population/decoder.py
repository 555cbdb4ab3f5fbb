"""The decoder of category that a day's population attacks are to mislead, from the clean images of the days before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.decoding.held_out import deal_folds, decoders_of_folds, held_out_scores, permuted_accuracy
from closedloop.analysis.decoding.linear import LinearDecoder, fit_decoder
from closedloop.analysis.normalizers import z_score
from closedloop.analysis.reliability import mean_response
from closedloop.artifacts.day.population.sealed import SealedDecoder
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import decoder_rows, scaling_rows
from closedloop.errors import StudyError

Floats = NDArray[np.float64]

_FOLDS = 5
_SHUFFLES = 20
_LEAST_IMAGES = 2  # of a category: in two folds, so that it can be asked about


@dataclass(frozen=True)
class LabelledResponses:
    """Clean images with their category: what a decoder is fitted to.

    Attributes
    ----------
    z
        Mean response over repetitions, in SD over the session's normalizers, (n_images, n_outputs); NaN where a site
        has none.
    category
        Name of each image's category, (n_images,).
    """

    z: Floats
    category: NDArray[np.str_]


def labelled_responses(day: DayResponses, *, n_outputs: int) -> LabelledResponses:
    """Return a session's fresh clean images as the site model is fitted to them: averaged and z-scored.

    Parameters
    ----------
    day
        The session.
    n_outputs
        Of the site model; outputs that no site is bound to are NaN.
    """
    rates = mean_response(day.rates_hz, day.image_index, n_images=day.n_images)
    rows = decoder_rows(day.stimuli)
    z = z_score(rates[rows], rates[scaling_rows(day.stimuli)])
    padded = np.pad(z, ((0, 0), (0, n_outputs - z.shape[1])), constant_values=np.nan)
    return LabelledResponses(padded, day.stimuli.columns["category"][rows].astype(np.str_))


@dataclass(frozen=True)
class DayDecoder:
    """A fitted decoder, and what is sealed of it.

    Attributes
    ----------
    decoder
        Its categories are numbered as in `categories`.
    categories
        Names, ascending.
    n_images
        That it is fitted to.
    accuracy, chance
        Of held-out images, and after shuffling the categories.
    """

    decoder: LinearDecoder
    categories: tuple[str, ...]
    n_images: int
    accuracy: float
    chance: float

    def numbers_of(self, categories: Iterable[str]) -> NDArray[np.int64]:
        """Return the numbers of categories; -1 of one that the decoder does not know."""
        place = {name: number for number, name in enumerate(self.categories)}
        return np.array([place.get(str(name), -1) for name in categories], dtype=np.int64)

    def arrays(self) -> dict[str, Floats]:
        """Return its numbers as decoder.h5 holds them."""
        return {"weights": self.decoder.weights, "offsets": self.decoder.offsets}

    def document(self, *, simulated: bool, day: int, days: Sequence[int]) -> SealedDecoder:
        """Return what is sealed of it.

        Parameters
        ----------
        simulated
            The study's mark.
        day
            On which it is used.
        days
            That it is fitted to.
        """
        return SealedDecoder(
            simulated=simulated,
            day=day,
            days=tuple(sorted(set(days))),
            categories=self.categories,
            n_images=self.n_images,
            n_sites=int(self.decoder.weights.any(axis=0).sum()),
            shrinkage=self.decoder.shrinkage,
            accuracy=self.accuracy,
            chance=self.chance,
        )


def fit_day_decoder(sessions: Sequence[LabelledResponses], *, seed: int, place: str) -> DayDecoder:
    """Fit a decoder to the clean images of several sessions.

    A site that a whole session lacks is not used; an image without a response of one of the others is left out.

    Parameters
    ----------
    sessions
        In order.
    seed
        Of the folds and shuffles by which its accuracy is told.
    place
        What an error begins with.

    Raises
    ------
    StudyError
        There are not two categories with two images each, or no site has responses on all days.
    """
    z = np.concatenate([one.z for one in sessions])
    names = np.concatenate([one.category for one in sessions])
    sites = np.logical_and.reduce([np.isfinite(one.z).any(axis=0) for one in sessions if len(one.z)])
    kept = np.isfinite(z[:, sites]).all(axis=1) & bool(np.any(sites))
    z, names = np.where(sites, z, np.nan)[kept], names[kept]
    known, counts = np.unique(names, return_counts=True)
    known = known[counts >= _LEAST_IMAGES]
    if len(known) < _LEAST_IMAGES:
        raise StudyError(
            f"{place}: expected clean images of at least two categories on the days before, with responses of the same "
            f"sites on each of them, found {len(known)}. Take the section population out of the protocol, or start it "
            "on a later day."
        )
    asked = np.isin(names, known)
    z, category = z[asked], np.searchsorted(known, names[asked])
    folds = deal_folds(category, n_folds=_FOLDS, seed=seed)
    held_out = held_out_scores(decoders_of_folds(z, category, folds, n_categories=len(known)), z, folds)
    chance = permuted_accuracy(z, category, folds, n_categories=len(known), n_permutations=_SHUFFLES, seed=seed)
    return DayDecoder(
        fit_decoder(z, category, n_categories=len(known)),
        tuple(map(str, known)),
        len(z),
        float((held_out.argmax(axis=1) == category).mean()),
        float(chance.mean()),
    )
