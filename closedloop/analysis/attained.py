"""How much of what is possible an attack attains: simulations alone can tell."""

from __future__ import annotations

import numpy as np

from closedloop.analysis.bootstrap import bootstrap_ratio
from closedloop.analysis.estimate import Estimate, Floats, Indices


def attained_fraction(
    true_change: Floats,
    sealed_sign: Indices,
    white_box_change: Floats,
    *,
    image_index: Indices,
    site_index: Indices,
    seed: int,
) -> Estimate:
    """Return mean true change in the sealed direction over mean white-box |change|, on the same pairs.

    The true change is the hidden cortex's own, without measurement noise, times the sign that was sealed before it was
    shown: an attack that moves its site the wrong way counts against, so that attacks that know nothing attain 0. The
    ratio is of two means, not the mean of ratios: pairs that hardly move under any attack weigh little.

    Parameters
    ----------
    true_change
        Changed minus clean response of the hidden cortex, (n_pairs,), in sigma.
    sealed_sign
        Of the change that the model predicted, (n_pairs,).
    white_box_change
        Change that the cortex's own gradient finds of the same image, site and epsilon, (n_pairs,), in the same unit.
    image_index, site_index
        Which clean image and site each pair belongs to, (n_pairs,).
    seed
        Decides the resamples of the interval, which is over images and sites.

    Examples
    --------
    Attacks that reach half of the bound, but for every tenth, which goes the wrong way:

    >>> import numpy as np
    >>> images, sites = np.tile(np.arange(20), 10), np.repeat(np.arange(10), 20)
    >>> bound = np.random.default_rng(0).uniform(1, 3, size=200) * np.where(images % 2, 1, -1)
    >>> true, sign = 0.5 * bound, np.sign(bound).astype(int)
    >>> sign[::10] *= -1
    >>> attained = attained_fraction(true, sign, bound, image_index=images, site_index=sites, seed=0)
    >>> round(attained.mean, 1), attained.interval[0] < attained.mean < attained.interval[1]
    (0.4, True)
    """
    return bootstrap_ratio(
        sealed_sign * true_change,
        np.abs(white_box_change),
        image_index=image_index,
        site_index=site_index,
        seed=seed,
    )
