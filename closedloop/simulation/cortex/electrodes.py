"""What each simulated electrode is tuned to, how well, and how that changes from day to day.

Everything is a function of the cortex's seed and the day. The numbers are the simulation's biology, chosen so that some
electrodes are not worth recording from and the others answer as the paper's sites do: up to 316 Hz ("310 +- 60 Hz",
section 2), about 72 Hz on average.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.simulation.cortex.network import CORTEX_MAP_SIDE, N_CORTEX_CHANNELS

Floats = NDArray[np.float64]

_EXPONENTIAL_SDS = 3**0.5
"""Exp(-a r) in the plane has SD sqrt(3) / a along each axis: a in units of it."""


@dataclass(frozen=True)
class CortexBiology:
    """How hard the simulated cortex is to model.

    Parameters
    ----------
    n_channels_mixed
        Channels of the hidden network that drive one electrode.
    field_sd
        Standard deviation of the Gaussian receptive field, smallest and largest, in pixels of the 8 x 8 map.
    interaction
        Weight of the product of two mixtures beside the first mixture itself.
    slope, threshold
        Of the sigmoid from drive, in standard deviations over clean images, to rate; smallest and largest.
    poor_share, medium_share
        Shares of electrodes with a small or a middling range of rates and with more noise.
    tuning_drift_rad
        Angle by which an electrode's mixture turns from one day to the next.
    gain_drift
        Standard deviation over days of the logarithm of an electrode's gain.
    retuned
        Electrodes (from 0), each with the night (from 1: before day 1) in which it comes to hear other cells: its
        mixtures are drawn anew, its rates and noise stay.
    """

    n_channels_mixed: int = 6
    field_sd: tuple[float, float] = (1.5, 3.0)
    interaction: float = 0.3
    slope: tuple[float, float] = (1.2, 2.0)
    threshold: tuple[float, float] = (-0.3, 0.7)
    poor_share: float = 0.25
    medium_share: float = 0.25
    tuning_drift_rad: float = 0.10
    gain_drift: float = 0.08
    retuned: tuple[tuple[int, int], ...] = ()


HEADROOM = CortexBiology(threshold=(1.5, 2.5), slope=(1.0, 1.5))
"""Rates of which natural images reach the foot alone: the ceiling lies 8.6 SD above their mean, the shipped one 2.3."""


@dataclass(frozen=True)
class Electrodes:
    """What does not change: one row an electrode.

    Parameters
    ----------
    mixture, partner
        Unit-length channel mixtures on day 0, shape (n_electrodes, 64); their product is the interaction.
    field
        Receptive fields that sum to 1, shape (n_electrodes, 8, 8).
    floor_hz, range_hz
        Lowest rate and distance to the highest, shape (n_electrodes,).
    slope, threshold
        Of the sigmoid, shape (n_electrodes,).
    baseline_hz
        Spontaneous rate on a grey screen, shape (n_electrodes,).
    trial_noise
        Standard deviation of the logarithm of the gain from presentation to presentation, shape (n_electrodes,).
    """

    mixture: Floats
    partner: Floats
    field: Floats
    floor_hz: Floats
    range_hz: Floats
    slope: Floats
    threshold: Floats
    baseline_hz: Floats
    trial_noise: Floats


@dataclass(frozen=True)
class DayTuning:
    """What drifts: mixtures of unit length (n_electrodes, 64) and gains around 1 (n_electrodes,)."""

    mixture: Floats
    partner: Floats
    gain: Floats


DrawFields = Callable[[CortexBiology, int, np.random.Generator], Floats]
"""Draws receptive fields that sum to 1, (n_electrodes, 8, 8), of a biology, a number of electrodes and a generator."""


def round_fields(biology: CortexBiology, n_electrodes: int, rng: np.random.Generator) -> Floats:
    """Draw Gaussian receptive fields, each as tall as wide.

    Parameters
    ----------
    biology
        How wide they are.
    n_electrodes
        How many.
    rng
        Of the subject's electrodes.
    """
    centre, sd = _centres(n_electrodes, rng), rng.uniform(*biology.field_sd, (n_electrodes, 1, 1))
    down, across = np.moveaxis(np.exp(-0.5 * ((np.arange(CORTEX_MAP_SIDE) - centre) / sd) ** 2), 1, 0)
    return _summing_to_1(down[:, :, None] * across[:, None, :])


def elongated_fields(biology: CortexBiology, n_electrodes: int, rng: np.random.Generator) -> Floats:
    """Draw receptive fields of any orientation, up to twice as long as wide, that fall off as exp(-distance).

    Their tails are heavier than a Gaussian's. As large as the round ones: the standard deviations along the two axes
    multiply to the drawn one's square.

    Parameters
    ----------
    biology
        How wide they are.
    n_electrodes
        How many.
    rng
        Of the subject's electrodes.
    """
    centre, sd = _centres(n_electrodes, rng), rng.uniform(*biology.field_sd, (n_electrodes, 1, 1))
    stretch = rng.uniform(1.0, 2.0, (n_electrodes, 1, 1)) ** 0.5
    angle = rng.uniform(0.0, np.pi, (n_electrodes, 1, 1))
    place = np.arange(CORTEX_MAP_SIDE)
    down, across = place[:, None] - centre[:, :1], place[None, :] - centre[:, 1:]
    along = (np.cos(angle) * across + np.sin(angle) * down) / (sd * stretch)
    beside = (np.cos(angle) * down - np.sin(angle) * across) / (sd / stretch)
    return _summing_to_1(np.exp(-_EXPONENTIAL_SDS * np.hypot(along, beside)))


def draw_electrodes(
    biology: CortexBiology, *, seed: int, n_electrodes: int, draw_fields: DrawFields = round_fields
) -> Electrodes:
    """Draw the electrodes of one simulated subject, on day 0.

    Parameters
    ----------
    biology
        How hard they are to model.
    seed
        The subject.
    n_electrodes
        Contacts of the array.
    draw_fields
        Draws their receptive fields.
    """
    rng = _generator(seed, "electrodes")
    quality = _quality(biology, n_electrodes, rng)
    return Electrodes(
        mixture=_sparse_mixtures(biology, n_electrodes, rng),
        partner=_sparse_mixtures(biology, n_electrodes, rng),
        field=draw_fields(biology, n_electrodes, rng),
        floor_hz=rng.uniform(0.3, 3.0, n_electrodes),
        range_hz=rng.uniform(*_by_quality(quality, poor=(4, 40), medium=(60, 150), good=(190, 313))),
        slope=rng.uniform(*biology.slope, n_electrodes),
        threshold=rng.uniform(*biology.threshold, n_electrodes),
        baseline_hz=9.0 * rng.lognormal(-0.5 * 0.4**2, 0.4, n_electrodes),
        trial_noise=rng.uniform(*_by_quality(quality, poor=(0.3, 0.6), medium=(0.15, 0.35), good=(0.08, 0.18))),
    )


def tuning_on(electrodes: Electrodes, biology: CortexBiology, *, seed: int, day: int) -> DayTuning:
    """Return the tuning after `day` nights of drift, each a turn in a direction of its own.

    The gain is drawn anew every day.

    Parameters
    ----------
    electrodes
        The tuning on day 0.
    biology
        How much drifts in a night.
    seed
        The subject.
    day
        Counted from 0.

    Raises
    ------
    ValueError
        The day is negative.
    """
    if day < 0:
        raise ValueError(f"days are counted from 0, found {day}")
    mixture, partner = electrodes.mixture, electrodes.partner
    for night in range(1, day + 1):
        rng = _generator(seed, f"night {night}")
        mixture = _turn(mixture, biology.tuning_drift_rad, rng)
        partner = _turn(partner, biology.tuning_drift_rad, rng)
        for electrode in [electrode for electrode, when in biology.retuned if when == night]:
            anew = _sparse_mixtures(biology, 2, _generator(seed, f"electrode {electrode} retuned in night {night}"))
            mixture[electrode], partner[electrode] = anew
    log_gain = biology.gain_drift * _generator(seed, f"gain of day {day}").standard_normal(len(mixture))
    return DayTuning(mixture, partner, np.exp(log_gain))


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, *name.encode()])


def _quality(biology: CortexBiology, n_electrodes: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return 0 for poor, 1 for medium, 2 for good, in exact shares and random places on the array."""
    n_poor = round(biology.poor_share * n_electrodes)
    n_medium = round(biology.medium_share * n_electrodes)
    ordered = np.repeat([0, 1, 2], [n_poor, n_medium, n_electrodes - n_poor - n_medium])
    return rng.permutation(ordered)


def _by_quality(
    quality: NDArray[np.int64], *, poor: tuple[float, float], medium: tuple[float, float], good: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Return the lower and upper limit for each electrode."""
    limits = np.array([poor, medium, good], dtype=np.float64)[quality]
    return limits[:, 0], limits[:, 1]


def _sparse_mixtures(biology: CortexBiology, n_electrodes: int, rng: np.random.Generator) -> Floats:
    mixtures = np.zeros((n_electrodes, N_CORTEX_CHANNELS))
    for row in mixtures:
        chosen = rng.choice(N_CORTEX_CHANNELS, biology.n_channels_mixed, replace=False)
        row[chosen] = rng.standard_normal(biology.n_channels_mixed)
    return _unit_rows(mixtures)


def _centres(n_electrodes: int, rng: np.random.Generator) -> Floats:
    return rng.uniform(1.5, CORTEX_MAP_SIDE - 2.5, (n_electrodes, 2, 1))


def _summing_to_1(fields: Floats) -> Floats:
    return np.asarray(fields / fields.sum(axis=(1, 2), keepdims=True))


def _turn(mixtures: Floats, angle_rad: float, rng: np.random.Generator) -> Floats:
    """Return each unit row turned by an angle towards a random direction orthogonal to it."""
    direction = rng.standard_normal(mixtures.shape)
    direction -= (direction * mixtures).sum(axis=1, keepdims=True) * mixtures
    return np.asarray(np.cos(angle_rad) * mixtures + np.sin(angle_rad) * _unit_rows(direction))


def _unit_rows(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
