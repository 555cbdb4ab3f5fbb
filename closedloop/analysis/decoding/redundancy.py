"""Which part of a movement of the population a linear decoder sees: its row space, and what lies beside it.

A decoder reads differences of its scores, so a movement counts by what of it lies in the space that the differences of
its weights span (the row space); what is orthogonal to that, in the null space, is moved without a trace. With more
categories than sites the row space is all there is. Then two graded questions remain: how much lies in the few
directions that carry most of the decoder's weight, and how much along the one direction in which an image's own margin
falls fastest. What a random direction would have in each is known in closed form.
"""

from __future__ import annotations

import math

import numpy as np

from closedloop.analysis.decoding.linear import LinearDecoder
from closedloop.analysis.estimate import Floats, Indices
from closedloop.analysis.repetitions import noiseless_square

_NOTHING = 1e-10  # of the largest singular value: an axis that rounding made


def decoder_axes(decoder: LinearDecoder, *, share: float = 1.0) -> Floats:
    """Return orthonormal directions in which the decoder's scores part from each other.

    Parameters
    ----------
    decoder
        Whose.
    share
        Of the squared length of all weights (each site's mean over categories taken out), 0 to 1; as few directions as
        hold it. 1: the whole row space.

    Returns
    -------
    ndarray
        (n_axes, n_sites), the one with most weight first.

    Examples
    --------
    Two categories differ along one direction, whatever the number of sites:

    >>> import numpy as np
    >>> decoder_axes(LinearDecoder(np.array([[1.0, 0.0, 5.0], [-1.0, 0.0, 5.0]]), np.zeros(2), 0.0)).round(6) + 0.0
    array([[1., 0., 0.]])
    """
    centred = decoder.weights - decoder.weights.mean(axis=0)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    rank = int((lengths > _NOTHING * lengths.max(initial=0.0)).sum())
    held = np.cumsum(lengths[:rank] ** 2) / (lengths[:rank] ** 2).sum()
    n_axes = min(int(np.searchsorted(held, share - _NOTHING)) + 1, rank)
    kept = axes[:n_axes]
    return np.asarray(kept * np.where(kept[np.arange(n_axes), np.abs(kept).argmax(axis=1)] < 0, -1.0, 1.0)[:, None])


def margin_axes(decoder: LinearDecoder, category: Indices, rival: Indices) -> Floats:
    """Return the direction along which an image's margin over a rival grows fastest, length 1, (n_images, 1, n_sites).

    Which category is the rival must not be read from the very responses that are then looked at along this direction:
    noise that makes a rival strong moves away again with the next repetition, and would count as movement.

    Parameters
    ----------
    decoder
        Whose.
    category, rival
        The true one of each image, and the other, (n_images,).

    Examples
    --------
    >>> import numpy as np
    >>> decoder = LinearDecoder(np.array([[3.0, 0.0], [0.0, 0.0], [0.0, 4.0]]), np.zeros(3), 0.0)
    >>> margin_axes(decoder, np.array([0, 0]), np.array([1, 2]))
    array([[[ 1. ,  0. ]],
    <BLANKLINE>
           [[ 0.6, -0.8]]])
    """
    direction = decoder.weights[category] - decoder.weights[rival]
    length = np.linalg.norm(direction, axis=1, keepdims=True)
    return np.asarray((direction / np.where(length > 0, length, 1.0))[:, None, :])


def square_along(clean: Floats, changed: Floats, axes: Floats) -> Floats:
    """Return the squared length of each pair's movement along some directions, without the noise's part.

    Parameters
    ----------
    clean, changed
        Repetitions of either image at all sites, (n_pairs, n_sites, n_repetitions); NaN where there is none.
    axes
        Orthonormal, (n_axes, n_sites), or (n_pairs, n_axes, n_sites) where each pair has its own.

    Returns
    -------
    ndarray
        (n_pairs,), unbiased: below zero where noise exceeded the movement; NaN with fewer than two repetitions.

    Examples
    --------
    >>> import numpy as np
    >>> clean, changed = np.zeros((1, 2, 2)), np.array([[[3.0, 3.0], [4.0, 4.0]]])
    >>> square_along(clean, changed, np.eye(2)), square_along(clean, changed, np.array([[1.0, 0.0]]))
    (array([25.]), array([9.]))
    """
    own = np.broadcast_to(axes, (len(clean), *axes.shape[-2:]))
    along = [np.einsum("nas,nsr->nar", own, rates) for rates in (clean, changed)]
    flat = [values.reshape(-1, values.shape[-1]) for values in along]
    return np.asarray(noiseless_square(*flat).reshape(len(clean), -1).sum(axis=1))


def random_share(n_axes: int, n_sites: int, *, n_directions: int) -> tuple[float, tuple[float, float]]:
    """Return which part of a random direction lies along some axes, and where a mean over such directions falls.

    The squared length of a random unit vector along n_axes of n_sites dimensions is Beta(n_axes / 2, the rest / 2).

    Parameters
    ----------
    n_axes, n_sites
        Dimensions.
    n_directions
        Independent ones that are averaged.

    Returns
    -------
    tuple
        The mean, and the range in which the mean over directions lies in 95 of 100 cases.

    Examples
    --------
    >>> mean, (low, high) = random_share(5, 20, n_directions=100)
    >>> mean, round(low, 3), round(high, 3)
    (0.25, 0.224, 0.276)
    """
    mean = n_axes / n_sites
    variance = 2 * n_axes * (n_sites - n_axes) / (n_sites**2 * (n_sites + 2))
    reach = _NORMAL_95 * math.sqrt(variance / n_directions)
    return mean, (max(mean - reach, 0.0), min(mean + reach, 1.0))


_NORMAL_95 = 1.959963984540054
