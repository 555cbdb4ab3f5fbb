"""How alike a day's signatures are to an earlier day's, electrode against electrode, their noise taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats
from closedloop.analysis.signatures import Signatures

_MOST_R = 1 - 1e-12  # a correlation of 1 has no z
_LEAST_EXPECTED = 0.5  # where most electrodes were exchanged, their median says nothing of drift


@dataclass(frozen=True)
class Likeness:
    """Correlations of a day's signatures (rows) with an earlier day's (columns), noise taken out.

    Attributes
    ----------
    correlation
        (n_electrodes, n_electrodes); NaN where either signature is mostly noise.
    standard_error
        Of its diagonal, by the jackknife over images, (n_electrodes,).
    crossed
        By how many standard errors the difference of two electrodes is turned round since, (n_electrodes,
        n_electrodes): above zero where each answers as the other did, however alike they are.
    observed
        The diagonal with the noise left in, (n_electrodes,).
    n_images
        By which each electrode is compared with itself, (n_electrodes,).
    expected
        Median of the diagonal, which says what drift leaves; of the best matches where most electrodes are others.
    """

    correlation: Floats
    standard_error: Floats
    crossed: Floats
    observed: Floats
    n_images: NDArray[np.int64]
    expected: float

    @property
    def own(self) -> Floats:
        """Each electrode with itself, (n_electrodes,)."""
        return np.asarray(np.diag(self.correlation))

    @property
    def is_comparable(self) -> NDArray[np.bool_]:
        """Whether it can be compared with itself, (n_electrodes,)."""
        return np.isfinite(self.own)


def likeness_of(before: Signatures, after: Signatures, *, least_reliability: float, least_images: int) -> Likeness:
    """Compare every electrode's signature with every electrode's earlier one.

    Parameters
    ----------
    before, after
        Of the same electrodes and images.
    least_reliability
        Of a signature that is compared.
    least_images
        Answered on both days by an electrode that is compared with itself.
    """
    a, b = (_scaled(day, least_reliability) for day in (before, after))
    known = [np.isfinite(values).astype(float) for values in (a, b)]
    n_both = known[1].T @ known[0]
    a, b = np.nan_to_num(a), np.nan_to_num(b)
    correlation = np.divide(b.T @ a, n_both, out=np.full(n_both.shape, np.nan), where=n_both > 0)
    enough = np.diag(n_both) >= least_images
    own = np.where(enough, np.diag(correlation), np.nan)
    np.fill_diagonal(correlation, own)
    standard_error = np.where(enough, _own_error(before, after), np.nan)
    return Likeness(correlation, standard_error, _crossed(a, b), *_observed(before, after), _expected(correlation))


def _expected(correlation: Floats) -> float:
    """Return what drift leaves of a correlation of 1; 1 where nobody can be compared."""
    own = np.diag(correlation)
    is_comparable = np.isfinite(own)
    if not is_comparable.any():
        return 1.0
    of_own = float(np.median(own[is_comparable]))
    if of_own >= _LEAST_EXPECTED:
        return min(of_own, 1.0)
    best = np.nan_to_num(correlation[is_comparable], nan=-1.0).max(axis=1)
    return float(np.clip(np.median(best), _LEAST_EXPECTED, 1.0))


def _observed(before: Signatures, after: Signatures) -> tuple[Floats, NDArray[np.int64]]:
    """Return each electrode's own correlation with the noise left in, and the images it is over."""
    is_known = np.isfinite(before.response) & np.isfinite(after.response)
    a, b = (np.where(is_known, day.response, 0.0) for day in (before, after))
    sizes = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    r = np.divide((a * b).sum(axis=0), sizes, out=np.full(sizes.shape, np.nan), where=sizes > 0)
    return r, is_known.sum(axis=0)


def _scaled(day: Signatures, least_reliability: float) -> Floats:
    """Divide each signature by the SD of what is no noise in it; NaN where it is mostly noise."""
    told = day.reliability >= least_reliability
    return np.asarray(day.response / np.sqrt(np.where(told, day.signal_variance, np.nan)))


def _own_error(before: Signatures, after: Signatures) -> Floats:
    """Return the jackknife's standard error over images of each electrode's own correlation, (n_electrodes,)."""
    is_known = np.isfinite(before.response) & np.isfinite(after.response)
    a, b, noise_a, noise_b = (
        np.where(is_known, values, 0.0)
        for values in (before.response, after.response, before.noise_variance, after.noise_variance)
    )
    n = is_known.sum(axis=0)
    left = n - is_known  # images without each in turn
    with np.errstate(invalid="ignore", divide="ignore"):
        product, signal_a, signal_b = (
            (values.sum(axis=0) - values) / left for values in (a * b, a**2 - noise_a, b**2 - noise_b)
        )
        without = np.where(is_known, product / np.sqrt(signal_a * signal_b), np.nan)
        spread = np.nansum((without - np.nansum(without, axis=0) / n) ** 2, axis=0)
        return np.asarray(np.sqrt((n - 1) / n * spread))


def _crossed(a: Floats, b: Floats) -> Floats:
    """Return by how many standard errors the difference of two electrodes is turned round since, for every pair.

    Fisher's z of the correlation of ``a_e - a_j`` with ``b_e - b_j``, its sign changed: above zero where e answers as j
    did and j as e, however alike they are.
    """
    n = len(a)
    own, a_a, b_b = a.T @ b, a.T @ a, b.T @ b
    diagonal = np.diag(own)
    product = diagonal[:, None] + diagonal[None, :] - own - own.T
    sizes = np.sqrt(_of_differences(a_a) * _of_differences(b_b))
    r = np.divide(product, sizes, out=np.zeros_like(product), where=sizes > 0)
    return np.asarray(-np.arctanh(np.clip(r, -_MOST_R, _MOST_R)) * np.sqrt(max(n - 3, 0)))


def _of_differences(products: Floats) -> Floats:
    """Return the sum of squares of the difference of every two columns, from the products of the columns."""
    squares = np.diag(products)
    return np.asarray(np.maximum(squares[:, None] + squares[None, :] - 2 * products, 0.0))
