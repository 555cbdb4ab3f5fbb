"""Which part of a day's attacks each arm gets by what earlier days measured: tempered Thompson sampling over arms.

The chance that an arm is the best one follows from its mean on the pairs that all arms attacked. A part that goes with
the chance itself swings from day to day where nothing is known yet: between two arms that are alike the chance is as
often .05 as .5. Its root swings less (Thall and Wathen 2007, "Practical Bayesian adaptive randomisation in clinical
trials", Eur J Cancer 43).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.arms.comparing import ArmChanges
from closedloop.analysis.estimate import Floats

_TEMPER = 0.5  # power of the chance; 0 would move nothing, 1 is Thompson's own rule
N_DRAWS = 10_000
_JITTER = 1e-9  # of the variance, so that arms which never differed have a covariance with a root


@dataclass(frozen=True)
class KnownArms:
    """What some days tell of arms that attacked the same pairs.

    Attributes
    ----------
    mean
        Of each arm over the pairs that all attacked, (n_arms,), in sigma.
    covariance
        Of these means, clustered by image, (n_arms, n_arms).
    n_pairs, n_images, n_sessions
        Of the pairs that all attacked, of their images, and of the sessions that showed them.
    """

    mean: Floats
    covariance: Floats
    n_pairs: int
    n_images: int
    n_sessions: int

    @property
    def is_known(self) -> bool:
        """Whether there are two images or more: of fewer no error is known."""
        return self.n_images > 1


def known_arms(arms: Sequence[ArmChanges]) -> KnownArms:
    """Return what the pairs tell that all arms attacked in one session, of all sessions together.

    Sites are held fixed: the next day attacks the same ones. What all arms share of a pair cancels in the chance of
    being the best, so that neither days nor images that move all of them need a weight.

    Parameters
    ----------
    arms
        With names that differ; each has a pair of image and site in a session at most once.

    Examples
    --------
    >>> import numpy as np
    >>> images, none = np.arange(4), np.zeros(4, dtype=int)
    >>> weak = ArmChanges("weak", np.array([0.0, 1.0, 2.0, np.nan]), images, none, none)
    >>> strong = ArmChanges("strong", np.array([1.0, 2.0, 3.0, 9.0]), images, none, none)
    >>> found = known_arms([weak, strong])
    >>> found.mean, found.n_pairs, found.covariance.round(3)
    (array([1., 2.]), 3, array([[0.333, 0.333],
           [0.333, 0.333]]))
    """
    change = [dict(zip(arm.keys, arm.change.tolist(), strict=True)) for arm in arms]
    shared = [key for key in arms[0].keys if all(np.isfinite(one.get(key, np.nan)) for one in change)]
    values = np.array([[one[key] for one in change] for key in shared]).reshape(len(shared), len(arms))
    images, of_image = np.unique([key[0] for key in shared], return_inverse=True)
    n, n_images, n_sessions = len(shared), len(images), len({key[2] for key in shared})
    if n_images < 2:
        unknown = np.full((len(arms), len(arms)), np.nan)
        return KnownArms(unknown[0], unknown, n, n_images, n_sessions)
    mean = values.mean(axis=0)
    parts = np.zeros((n_images, len(arms)))
    np.add.at(parts, of_image, (values - mean) / n)
    return KnownArms(mean, n_images / (n_images - 1) * parts.T @ parts, n, n_images, n_sessions)


def chance_of_best(mean: Floats, covariance: Floats, *, degrees: int, n_draws: int = N_DRAWS) -> Floats:
    """Return the chance of each arm to have the largest mean: from a flat prior, by draws that are always the same.

    Parameters
    ----------
    mean
        Of the arms, (..., n_arms).
    covariance
        Of these, (..., n_arms, n_arms).
    degrees
        Of freedom of the covariance: Student's t in place of a normal.
    n_draws
        By default so many that a chance is known within .01.

    Returns
    -------
    Floats
        (..., n_arms), of sum 1.

    Examples
    --------
    Two arms that differ by twice the error of the difference, which is the root of 2; .977 by the normal:

    >>> import numpy as np
    >>> chance_of_best(np.array([0.0, 2 * 2**0.5]), np.eye(2), degrees=1000).round(2)
    array([0.02, 0.98])
    """
    n_arms = mean.shape[-1]
    variance = np.trace(covariance, axis1=-2, axis2=-1)[..., None, None] / n_arms
    root = np.linalg.cholesky(covariance + (_JITTER * variance + 1e-30) * np.eye(n_arms))
    drawn = mean[..., None, :] + _draws(n_arms, degrees, n_draws) @ np.swapaxes(root, -1, -2)
    best = drawn == drawn.max(axis=-1, keepdims=True)
    return np.asarray((best / best.sum(axis=-1, keepdims=True)).mean(axis=-2))


@lru_cache(maxsize=16)
def _draws(n_arms: int, degrees: int, n_draws: int) -> Floats:
    """Return draws of Student's t, (n_draws, n_arms)."""
    rng = np.random.default_rng([*b"chance of the best arm", n_arms])
    normal = rng.normal(size=(n_draws, n_arms))
    return np.asarray(normal / np.sqrt(rng.chisquare(degrees, size=(n_draws, 1)) / degrees))


def parts_moved(best: Floats, movable: NDArray[np.int64]) -> Floats:
    """Return which part of what moves each arm gets: its own part of it times the root of its chance to be the best.

    Where nothing moves every part is 0.

    Parameters
    ----------
    best
        See `chance_of_best`, (..., n_arms).
    movable
        What each arm gives away, (n_arms,).

    Examples
    --------
    >>> import numpy as np
    >>> parts_moved(np.array([0.64, 0.36]), np.array([50, 50])).round(2)
    array([0.57, 0.43])
    """
    parts = movable * best**_TEMPER
    whole = parts.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(parts, whole, out=np.zeros_like(parts), where=whole > 0))


def deal_out(parts: Floats, n: int, *, most: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return whole numbers of sum n that go with some parts: one by one to whom most is missing, ties to the first.

    Parameters
    ----------
    parts
        (..., n_arms), of sum 1, or all 0 where n is.
    n
        To be dealt out, at most the sum of `most`.
    most
        That each can take, (n_arms,).

    Examples
    --------
    >>> import numpy as np
    >>> deal_out(np.array([0.5, 0.3, 0.2]), 11, most=np.array([4, 9, 9]))
    array([4, 4, 3])
    """
    dealt = np.minimum(np.floor(parts * n).astype(np.int64), most)
    while (left := n - dealt.sum(axis=-1)).max() > 0:
        missing = np.where(dealt < most, parts * n - dealt, -np.inf)
        is_next = np.arange(parts.shape[-1]) == missing.argmax(axis=-1)[..., None]
        dealt += is_next & (left > 0)[..., None]
    return dealt
