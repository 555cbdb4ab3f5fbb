"""A simulated subject in memory: its cortex, its sites, the images it is shown, and what its sites answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.reliability import mean_response, split_half_reliability
from closedloop.artifacts.naming import derive_seed
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.trials import PresentationSequence, presented_rates_hz
from closedloop.stimuli.drawing import draw_balanced
from closedloop.stimuli.pools import ProceduralPool, load_images

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_N_ELECTRODES, _N_SCREENED, _SCREENING_REPETITIONS = 96, 300, 2
_N_CATEGORIES, _N_PER_CATEGORY = 30, 1000
_WINDOW_S, _SLOT_S, _PER_TRIAL = 0.1, 0.29, 6


@dataclass(frozen=True)
class StudySubject:
    """Everything of one subject, a function of the seed and its name alone; what was computed of it is kept.

    The cortex of the name "simulated" and the seed of `protocols/dry_run.yaml` is the dry run's.

    Attributes
    ----------
    name
        Of the subject.
    seed
        Of the study.
    n_sites, n_anchors, anchors_a_site
        The dry run's: 252 pairs of a site and an anchor.
    """

    name: str
    seed: int
    n_sites: int = 21
    n_anchors: int = 84
    anchors_a_site: int = 12

    @cached_property
    def cortex(self) -> HiddenCortex:
        """Its hidden cortex: the truth, by which recipes are judged."""
        return HiddenCortex(derive_seed(self.seed, self.name, "hidden cortex"), _N_ELECTRODES)

    @cached_property
    def sites(self) -> Integers:
        """Its most reliable electrodes on a screening of 300 clean images, shown twice, (n_sites,)."""
        index = np.repeat(np.arange(_N_SCREENED), _SCREENING_REPETITIONS)
        order = index[np.random.default_rng(self.seed_of("screening")).permutation(len(index))]
        rates = self._counts(self.cortex.rates_hz(self.screened, day=0), order, day=0, block="screening")
        reliability = split_half_reliability(rates, order, seed=self.seed_of("halves"))
        return np.argsort(-np.nan_to_num(reliability, nan=-1.0), kind="stable")[: self.n_sites]

    @cached_property
    def screened(self) -> Bytes:
        """The images of the screening."""
        return self.images("screening", _N_SCREENED)

    @cached_property
    def anchors(self) -> Bytes:
        """Images that attacks are judged on, never fitted."""
        return self.images("anchors", self.n_anchors)

    def images(self, role: str, n: int) -> Bytes:
        """Draw clean images, balanced over categories; a role's never come up in another, as each has its own pool.

        Parameters
        ----------
        role
            What they are for.
        n
            How many.
        """
        pool = ProceduralPool(self.seed_of("pool", role), n_categories=_N_CATEGORIES, n_per_category=_N_PER_CATEGORY)
        random = np.random.default_rng(self.seed_of("images", role))
        drawn = draw_balanced(pool.images(), n, used=set(), generator=random, place=role)
        return load_images(pool, tuple(image.image_id for image in drawn))

    def pairs(self) -> tuple[Integers, Integers]:
        """Return site and anchor of every pair that is judged, (n_pairs,) each, dealt out as a protocol does."""
        site = np.repeat(np.arange(self.n_sites), self.anchors_a_site)
        return site, np.arange(len(site)) % self.n_anchors

    def show(self, images: Bytes, repetitions: Integers, *, day: int, block: str) -> Floats:
        """Return the mean rate of each image at each site, Hz, (n_images, n_sites), counted in the window.

        Parameters
        ----------
        images
            uint8, (n_images, side, side, 3).
        repetitions
            How often each is shown, (n_images,).
        day
            Whose tuning and gains.
        block
            Part of the day: another one has another order and other noise.
        """
        rates, order = self.presentations(images, repetitions, day=day, block=block)
        return mean_response(rates, order, n_images=len(images))

    def presentations(self, images: Bytes, repetitions: Integers, *, day: int, block: str) -> tuple[Floats, Integers]:
        """Show images in a shuffled order, and return every presentation's rates and which image it showed.

        Parameters
        ----------
        images
            uint8, (n_images, side, side, 3).
        repetitions
            How often each is shown, (n_images,).
        day
            Whose tuning and gains.
        block
            Part of the day: another one has another order and other noise.

        Returns
        -------
        tuple of ndarray
            Hz, (n_presentations, n_sites), counted in the window, and (n_presentations,).
        """
        index = np.repeat(np.arange(len(images)), repetitions)
        order = index[np.random.default_rng(self.seed_of("order", day, block)).permutation(len(index))]
        rates = self._counts(self.cortex.rates_hz(images, day=day), order, day=day, block=block)
        return np.asarray(rates[:, self.sites]), order

    def true_rates_hz(self, images: Bytes, *, day: int) -> Floats:
        """Return the sites' hidden rates, (n_images, n_sites)."""
        return np.asarray(self.cortex.rates_hz(images, day=day)[:, self.sites])

    def seed_of(self, *names: str | int) -> int:
        """Return a seed of one purpose."""
        return derive_seed(self.seed, self.name, "recipes", *names)

    def _counts(self, truth: Floats, order: Integers, *, day: int, block: str) -> Floats:
        """Return the rate counted at every presentation, Hz, (n_presentations, n_electrodes)."""
        place = np.arange(len(order))
        first = self.seed_of("ordinal", day, block) % 2**40  # noise is drawn from the ordinal: no block has another's
        sequence = PresentationSequence(
            np.empty((0, 1, 1, 3), dtype=np.uint8),
            order,
            place + first,
            place.astype(np.float64) * _SLOT_S,
            place % _PER_TRIAL != 0,
        )
        rates = presented_rates_hz(self.cortex, truth, sequence, day=day)
        spikes = np.random.default_rng(self.seed_of("spikes", day, block)).poisson(rates * _WINDOW_S)
        return np.asarray(spikes / _WINDOW_S)
