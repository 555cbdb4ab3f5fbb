"""Simulated observers, for dry runs and to see whether intervals hold what they claim: nobody's eyes are like theirs.

Each follows the differencing model: d' grows with epsilon, more for some subjects and some images, and each subject has
a criterion of its own. Now and then the mind is elsewhere, and the answer is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from closedloop.analysis.discrimination.rates import (
    difference_d_prime,
    difference_rates,
    normal_quantile,
    percent_correct,
)
from closedloop.artifacts.naming import generator

Floats = NDArray[np.float64]

_CATCH_D_PRIME = 10.0  # two other images: only who does not look misses it
_N_NODES = 31  # of a quadrature over a normal number


@dataclass(frozen=True)
class ObserverLaw:
    """How simulated observers see.

    Attributes
    ----------
    d_prime_at_1
        At epsilon 1, of the median subject and image: 51 % correct, the one number that the paper gives.
    exponent
        d' grows with this power of epsilon: a guess.
    sd_subjects, sd_images
        SD of the logarithm of d' over subjects and over images.
    false_rate
        Equal pairs called different, by the median criterion.
    sd_criterion
        SD of the criterion over subjects, in SDs of an image's noise.
    lapse_rate, time_out_rate
        Trials guessed, and not answered in time.
    """

    d_prime_at_1: float = 0.38
    exponent: float = 0.8
    sd_subjects: float = 0.25
    sd_images: float = 0.35
    false_rate: float = 0.25
    sd_criterion: float = 0.25
    lapse_rate: float = 0.04
    time_out_rate: float = 0.005

    @property
    def criterion(self) -> float:
        """The median criterion."""
        return float(-np.sqrt(2.0) * normal_quantile(self.false_rate / 2.0))

    def d_prime(self, epsilon: ArrayLike) -> Floats:
        """Return d' of the median subject and image at an epsilon, (...)."""
        return np.asarray(self.d_prime_at_1 * np.asarray(epsilon, dtype=np.float64) ** self.exponent)


@dataclass(frozen=True)
class ObserverAnswers:
    """What a simulated subject answers, (n_trials,) each; an answer that did not come in time is none."""

    said_different: NDArray[np.bool_]
    in_time: NDArray[np.bool_]
    reaction_ms: Floats


def image_effects(law: ObserverLaw, n: int, *, seed: int) -> Floats:
    """Return the logarithm of what each image's d' is multiplied by, (n,), the same for every subject.

    Parameters
    ----------
    law
        How observers see.
    n
        Images.
    seed
        Of the simulated study.
    """
    return law.sd_images * generator(seed, "discrimination", "images").standard_normal(n)


def answer_trials(
    law: ObserverLaw,
    epsilon: Floats,
    image_effect: Floats,
    is_different: NDArray[np.bool_],
    *,
    names: tuple[str | int, ...],
) -> ObserverAnswers:
    """Return the answers of one simulated subject to some trials.

    Parameters
    ----------
    law
        How observers see.
    epsilon
        Of each trial's pair, (n_trials,); NaN of a catch trial.
    image_effect
        Of each trial's image, (n_trials,).
    is_different
        Whether the two images differ, (n_trials,).
    names
        What decides the subject and its answers: seed first, subject, session.
    """
    seed, subject, *session = names
    own = generator(int(seed), "discrimination", "observer", subject)
    sharpness, criterion = law.sd_subjects * own.standard_normal(), law.sd_criterion * own.standard_normal()
    random = generator(int(seed), "discrimination", "answers", subject, *session)
    distance = np.where(np.isnan(epsilon), _CATCH_D_PRIME, law.d_prime(epsilon) * np.exp(sharpness + image_effect))
    difference = np.where(is_different, distance, 0.0) + np.sqrt(2.0) * random.standard_normal(len(epsilon))
    said = np.abs(difference) > law.criterion + criterion
    is_lapse, guess = random.uniform(size=len(epsilon)) < law.lapse_rate, random.uniform(size=len(epsilon)) < 0.5
    return ObserverAnswers(
        np.where(is_lapse, guess, said),
        random.uniform(size=len(epsilon)) >= law.time_out_rate,
        350.0 + random.gamma(2.0, 150.0, size=len(epsilon)),
    )


def true_rates(law: ObserverLaw, epsilon: float) -> tuple[float, float]:
    """Return the expected rates of "different", of different and of equal pairs, over all subjects and images.

    Parameters
    ----------
    law
        How observers see.
    epsilon
        Of the pairs.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_N_NODES)
    weights = weights / weights.sum()
    distance = law.d_prime(epsilon) * np.exp(np.hypot(law.sd_subjects, law.sd_images) * nodes)
    criterion = law.criterion + law.sd_criterion * nodes
    hits, false = difference_rates(distance[:, None], criterion)
    rates = (float(weights @ hits @ weights), float(np.broadcast_to(false, hits.shape)[0] @ weights))
    hit, fa = ((1.0 - law.lapse_rate) * rate + 0.5 * law.lapse_rate for rate in rates)
    return hit, fa


def true_correct(law: ObserverLaw, epsilon: float) -> float:
    """Return the percent correct that all subjects and images would have, as a part of 1."""
    return float(percent_correct(*true_rates(law, epsilon)))


def true_d_prime(law: ObserverLaw, epsilon: float) -> float:
    """Return d' of these rates: of observers who are all alike and never lapse it is their own."""
    return float(difference_d_prime(*true_rates(law, epsilon)))
