"""What is assumed where nothing was recorded yet; every plan that rests on it says so."""

from __future__ import annotations

RELIABILITY = 0.8
"""Of the chosen sites, over the clean images of a day: simulated ones have .77 to .92, the protocol asks for .4."""

SIZE_PER_EPSILON = 0.06
"""Change in sigma per unit of epsilon on the last of six days, as the simulated subject has it."""

GROWTH = 2.7
"""Growth from day 1 to day 5, at epsilon 1 (section 2 and Figure 5)."""

SPREAD_PER_EPSILON = 0.045
"""SD over pairs of the change in sigma, per unit of epsilon; the simulated subject has .042 on day 1, .05 on day 5."""

SPREAD_OF_DAY_0 = 0.02
"""The same of attacks by a model that has seen nothing; the simulated subject has .023."""

CORRELATION_OF_DAYS = 0.5
"""Of a pair's change on two fitted days, over pairs."""

_FIRST_DAY, _LAST_DAY = 1, 5


def size_on(day: int) -> float:
    """Return the mean change that is assumed on a day, sigma a unit of epsilon; it stays from day 5 on.

    The attacks of day 0 follow a model that has seen nothing: they move nothing on average.
    """
    return SIZE_PER_EPSILON * grown(min(day - _LAST_DAY, 0)) if day else 0.0


def spread_on(day: int) -> float:
    """Return the SD over pairs that is assumed of a day's changes, sigma a unit of epsilon."""
    return SPREAD_PER_EPSILON if day else SPREAD_OF_DAY_0


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
