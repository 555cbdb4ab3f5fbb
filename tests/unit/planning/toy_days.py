"""Days of a subject that is but rates and Poisson counts, as a planner reads them and as the report measures them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.dispersion import sigma
from closedloop.analysis.estimate import Estimate
from closedloop.analysis.expected.error import sigma_error
from closedloop.analysis.expected.variance_parts import RepeatedPairs
from closedloop.analysis.sensitivity import paired_difference, paper_estimate
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.planning.design import design_day
from closedloop.planning.observed import ObservedDay, ObservedPairs
from tests.unit import days

WINDOW_S = 0.1
N_SITES = 12
_PER_EPSILON = 1.8  # Hz of a change of size 1


def protocol(**sections: dict[str, object]) -> Protocol:
    """Return a small experiment: 12 sites, 48 anchors of which each serves two sites, two epsilons."""
    usual = {
        "images": {"clean_per_day": 120, "anchors": 48, "anchor_repetitions": 4, "clean_repetitions": 2},
        "sites": {"n_sites": N_SITES},
        "attack": {"anchors_per_site": 8, "fresh_images_per_site": 2, "epsilons": [2.5, 10.0]},
        "trial": {"hours_per_day": 10.0},
    }
    plain = {name: values | sections.get(name, {}) for name, values in usual.items()}
    made = days.protocol(**plain, **{name: values for name, values in sections.items() if name not in usual})
    return made.model_copy(update={"days": 6})


USUAL = protocol()


@dataclass(frozen=True)
class ToyDay:
    """A day, and its pairs by epsilon."""

    observed: ObservedDay

    def estimate(self, epsilon: float) -> Estimate:
        """Return the paper's estimate over all pairs."""
        pairs = self.observed.by_epsilon[epsilon].pairs
        change = pairs.signed_change * pairs.sign
        return paper_estimate(change, pairs.sign, image_index=pairs.image_index, site_index=pairs.site_index)

    def growth_from(self, before: ToyDay, epsilon: float) -> Estimate:
        """Return the report's paired difference on anchors; both days show them in one order."""
        old, new = before.observed.by_epsilon[epsilon], self.observed.by_epsilon[epsilon]
        assert (old.image_id[old.is_anchor] == new.image_id[new.is_anchor]).all()
        return paired_difference(
            old.pairs.signed_change[old.is_anchor],
            new.pairs.signed_change[new.is_anchor],
            image_index=np.unique(new.image_id[new.is_anchor], return_inverse=True)[1],
            site_index=new.pairs.site_index[new.is_anchor],
        )


@dataclass(frozen=True)
class ToySubject:
    """Sites with rates to anchors that stay, and a way in which each image moves each site.

    A change is `size` times a gain of the pair, and its sign is right in nine of ten pairs.
    """

    clean_hz: NDArray[np.float64]
    gain: NDArray[np.float64]
    is_right: NDArray[np.bool_]

    @staticmethod
    def draw(random: np.random.Generator) -> ToySubject:
        """Draw a subject with as many anchors as the protocol has."""
        shape = USUAL.images.anchors, N_SITES
        return ToySubject(_rates_hz(random, shape[0]), random.gamma(2.0, 0.5, shape), random.random(shape) < 0.9)

    def day(self, number: int, size: float, random: np.random.Generator, own: Protocol | None = None) -> ToyDay:
        """Show a day: rates, counts, and what the stages make of them."""
        own = own or USUAL
        design = design_day(own, sites=range(N_SITES), day=number)
        n_anchors = own.images.anchors
        fresh_hz = _rates_hz(random, own.images.clean_per_day)
        gain = np.r_[self.gain, random.gamma(2.0, 0.5, fresh_hz.shape)]
        is_right = np.r_[self.is_right, random.random(fresh_hz.shape) < 0.9]
        clean_hz = np.r_[self.clean_hz, fresh_hz]
        repeated = np.r_[
            np.full(n_anchors, own.images.anchor_repetitions), np.full(len(fresh_hz), own.images.clean_repetitions)
        ]
        shown = np.full((*clean_hz.shape, repeated.max()), np.nan)
        for image, n in enumerate(repeated.tolist()):
            shown[image, :, :n] = _count(random, clean_hz[image][:, None].repeat(n, axis=1))
        scale = sigma(np.nanmean(shown[n_anchors:], axis=2))
        by_epsilon = {}
        for epsilon in own.attack.epsilons:
            rows = [row for row in design.rows.attacks if row["epsilon"] == epsilon]
            image = np.array([_place(str(row["image_id"]), n_anchors) for row in rows])
            site = np.array([int(row["site_index"]) for row in rows])
            sign = random.choice([-1, 1], len(rows))
            moved = np.where(is_right[image, site], sign, -sign) * gain[image, site] * size * epsilon * _PER_EPSILON
            hz = np.maximum(clean_hz[image, site] + moved, 0.0)
            changed = _count(random, hz[:, None].repeat(own.attack.repetitions, axis=1))
            pairs = RepeatedPairs(
                image, site, sign, shown[image, site] / scale[site, None], changed / scale[site, None]
            )
            is_anchor = np.array([row["role"] == "anchor" for row in rows])
            by_epsilon[epsilon] = ObservedPairs(pairs, np.array([str(row["image_id"]) for row in rows]), is_anchor)
        return ToyDay(
            ObservedDay(
                day=number,
                by_epsilon=by_epsilon,
                site_names=tuple(f"site-{site}" for site in range(N_SITES)),
                sigma_error=sigma_error(np.nanmean(shown[n_anchors:], axis=2)),
                reliability=np.full(N_SITES, 0.7),
                clean_repetitions=own.images.clean_repetitions,
                n_clean=own.images.clean_per_day,
                used=1.0,
            )
        )


def _place(image_id: str, n_anchors: int) -> int:
    role, number = image_id.split()
    return int(number) + (n_anchors if role == "clean" else 0)


def _rates_hz(random: np.random.Generator, n_images: int) -> NDArray[np.float64]:
    return random.gamma(6.0, 10.0, (n_images, N_SITES))


def _count(random: np.random.Generator, hz: NDArray[np.float64]) -> NDArray[np.float64]:
    gain = random.lognormal(0, 0.1, hz.shape)
    return random.poisson(hz * gain * WINDOW_S) / WINDOW_S
