"""Means of arms where earlier sessions decided how many attacks each made: session by session, by weights fixed before.

Pooled over days, an arm that was unlucky once is attacked with less from then on, and stays low; one that was lucky has
more of its attacks on late days, when the model is better and every arm moves sites further. Both make a pooled mean
wrong, the second more than the first. Within a session the numbers of attacks were settled before anything of it was
shown, so that its mean is as right as with fixed shares. Sessions are averaged by weights that do not depend on what
was found. Weights that go with the root of an arm's number of attacks (Hadad et al. 2021, "Confidence intervals for
policy evaluation in adaptive experiments", PNAS 118) have less variance where the effect stays the same from session to
session; where it grows with the model, they would average over other sessions for one arm than for another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from closedloop.analysis.bootstrap import bootstrap_function, bootstrap_mean
from closedloop.analysis.estimate import Estimate, Floats, Indices


def mean_of_sessions(
    values: Floats,
    *,
    image_index: Indices,
    site_index: Indices,
    session: Indices,
    weights: Mapping[int, float] | None,
    seed: int,
) -> Estimate:
    """Return the weighted mean of the sessions' means, with its interval over images and sites.

    Parameters
    ----------
    values
        One number a pair, (n_pairs,); NaN where the pair cannot be used.
    image_index, site_index, session
        Of each pair, (n_pairs,).
    weights
        Of each session, whatever their sum; a session without a usable pair has none. None: pairs are pooled.
    seed
        Decides the resamples.

    Examples
    --------
    Twelve pairs of a first session around 0, and six of a second one around 3, which count as much:

    >>> import numpy as np
    >>> session = np.repeat([0, 1], [12, 6])
    >>> values = 3.0 * session + 0.1 * np.random.default_rng(0).normal(size=18)
    >>> images, sites = np.tile(np.arange(6), 3), np.repeat(np.arange(3), 6)
    >>> own = {"image_index": images, "site_index": sites, "session": session, "seed": 0}
    >>> [round(mean_of_sessions(values, weights=each, **own).mean, 1) for each in (None, {0: 1.0, 1: 1.0})]
    [1.0, 1.5]
    """
    if weights is None:
        return bootstrap_mean(values, image_index=image_index, site_index=site_index, seed=seed)
    present = np.unique(session[np.isfinite(values)])
    if not len(present):
        return bootstrap_mean(values, image_index=image_index, site_index=site_index, seed=seed)
    weight = np.array([weights[int(one)] for one in present], dtype=np.float64)
    found = bootstrap_function(
        np.where(session[:, None] == present, values[:, None], np.nan),
        lambda means: np.asarray(means @ (weight / weight.sum())),
        image_index=image_index,
        site_index=site_index,
        seed=seed,
    )
    if min((np.isfinite(values) & (session == one)).sum() for one in present) > 1:
        return found
    # One pair does not say how pairs differ.
    return replace(found, standard_error=math.nan, interval=(math.nan, math.nan))


def true_mean_of_sessions(values: Floats, *, session: Indices, weights: Mapping[int, float] | None) -> float:
    """Return the same of numbers without noise, such as hidden rates; NaN where none is known.

    Parameters
    ----------
    values, session
        Of each pair, (n_pairs,).
    weights
        As in `mean_of_sessions`; a session without one is left out, as where nothing was measured.
    """
    known = np.isfinite(values)
    if not known.any():
        return float("nan")
    if weights is None:
        return float(np.nanmean(values))
    weighed = {one: weights[one] for one in np.unique(session[known]).tolist() if weights.get(one, 0.0) > 0}
    if not weighed:
        return float("nan")
    means = [values[known & (session == one)].mean() for one in weighed]
    return float(np.average(means, weights=list(weighed.values())))
