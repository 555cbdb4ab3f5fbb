"""What is assumed where nothing was recorded yet; every plan that rests on it says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

RELIABILITY = 0.8
"""Of the chosen sites, over the clean images of a day: simulated ones have .77 to .92, the protocol asks for .4."""

EXPONENT = 1.15
"""Of epsilon in size and spread: changes of the simulated subject grow a little faster than epsilon."""

SIZE_AT_ONE = 0.045
"""Change in sigma at epsilon 1 on the last of six days, as the simulated subject has it."""

GROWTH = 2.7
"""Growth from day 1 to day 5, at epsilon 1 (section 2 and Figure 5)."""

SPREAD_AT_ONE = 0.03
"""SD over pairs of the change in sigma, at epsilon 1, of attacks by a model of one day; of the simulated subject."""

SPREAD_OF_UNFITTED = 0.025
"""The same of attacks by a model that has seen nothing; they grow as epsilon does."""

SIZE_OF_PREDICTED, SPREAD_OF_PREDICTED = 0.3, 0.45
"""Mean and SD over pairs of a change, in parts of the mean change that a model of one day predicts of its attacks.

Of simulated subjects (`benchmarks.fitted_days`, seeds 100 to 105) .26 to .36 and .38 to .54 at epsilon 1 and 2.5, .31
to .45 and .41 to .50 at epsilon 10; of the dry run .29 to .32 and .43 to .47.
"""

WITHIN_SITES = 0.95
"""Part of the variance over pairs that lies within sites; of the same subjects .91 to .99."""

SHARED_OF_SPREAD = 0.1
"""Covariance of two sites' changes of one image, in parts of that variance; of the same subjects -.04 to .35."""

CORRELATION_OF_DAYS = 0.5
"""Of a pair's change on two fitted days, over pairs."""

_FIRST_DAY, _LAST_DAY = 1, 5


@dataclass(frozen=True)
class AssumedReliability:
    """Of every site, over so many repetitions of a clean image: it tells the noise, however often images are shown."""

    value: float
    repetitions: int


@dataclass(frozen=True)
class AssumedChange:
    """What a day's attacks are assumed to do.

    Attributes
    ----------
    size, spread
        Mean and SD over pairs of the change, sigma, at epsilon 1.
    exponent
        Of epsilon in both.
    says
        The same in words.
    """

    size: float
    spread: float
    exponent: float
    says: str


def assumed_change(day: int, predicted: Mapping[float, float], *, is_fitted: bool) -> AssumedChange:
    """Return what a day's attacks are assumed to do before a fitted model's attacks were ever measured.

    Where the day's attacks are made, their model says what it expects of each. It expects too much, for they were
    searched for on it; but by how much they move a site, and how differently, goes with what it expects.

    Parameters
    ----------
    day
        Which.
    predicted
        Mean change that the day's model predicts, z, by epsilon; empty before the attacks are made.
    is_fitted
        Whether the model has seen responses. One that has not, of a study's first session, moves nothing on average.
    """
    if not is_fitted:
        words = _words(0.0, SPREAD_OF_UNFITTED, 1.0)
        return AssumedChange(0.0, SPREAD_OF_UNFITTED, 1.0, f"Attacks of day {day} {words}")
    if predicted:
        at_one, exponent = _power_law(predicted)
        size, spread = SIZE_OF_PREDICTED * at_one, SPREAD_OF_PREDICTED * at_one
        says = (
            f"Attacks of day {day} {_words(size, spread, exponent)}: {SIZE_OF_PREDICTED:g} and {SPREAD_OF_PREDICTED:g} "
            "of what their model predicts of them on average, as of the simulated subject on day 1"
        )
        return AssumedChange(size, spread, exponent, says)
    size = SIZE_AT_ONE * grown(min(day - _LAST_DAY, 0))
    says = (
        f"Attacks of day {day} {_words(size, SPREAD_AT_ONE, EXPONENT)} (the simulated subject's size on day 5, "
        f"{GROWTH:g} times less on day 1 as in the paper)"
    )
    return AssumedChange(size, SPREAD_AT_ONE, EXPONENT, says)


def grown(n_days: int) -> float:
    """Return by which factor a size grows in so many days, should it grow as in the paper."""
    return float(GROWTH ** (n_days / (_LAST_DAY - _FIRST_DAY)))


def noise_of(reliability: float, *, repetitions: int) -> float:
    """Return the noise variance of one presentation, in sigma squared, that sites of a reliability have.

    Sigma is taken over the means of the clean images' repetitions: of its variance 1 the part ``1 - reliability`` is
    noise, and of a single presentation as many times that as there are repetitions.

    Examples
    --------
    >>> round(noise_of(0.75, repetitions=2), 6)
    0.5
    """
    return repetitions * (1 - reliability)


def _words(size: float, spread: float, exponent: float) -> str:
    power = "times epsilon" if exponent == 1 else f"times epsilon to the {exponent:.2f}"
    if not size:
        return f"move no site on average, with an SD over pairs of {spread:.3f} sigma {power}"
    return f"change a site by {size:.3f} sigma, with an SD over pairs of {spread:.3f}, both {power}"


def _power_law(predicted: Mapping[float, float]) -> tuple[float, float]:
    """Return the value at epsilon 1 and the exponent of a power of epsilon through some means."""
    epsilon, mean = (np.log(values) for values in zip(*sorted(predicted.items()), strict=True))
    exponent = float(np.polyfit(epsilon, mean, 1)[0]) if len(epsilon) > 1 else EXPONENT
    return float(np.exp(np.mean(mean - exponent * epsilon))), exponent
