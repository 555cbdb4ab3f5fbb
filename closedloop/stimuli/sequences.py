"""Orders of presentation: random, yet with an image and its changed twins far apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_JITTER = 0.25  # of a family's spacing: neighbours of a family stay at least half a spacing apart


def spread_order(family: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    """Order presentations so that each family is spread evenly over the session.

    A family is a clean image with everything made from it. Its members, in random order, take places one spacing
    (session / members) apart with a random phase and a jitter of a quarter spacing; families are independent, so that
    apart from this the order is a shuffle (section 3.1: "shuffled across the experiment").

    Parameters
    ----------
    family
        Family of each presentation, any integers.
    seed
        Decides the order.

    Returns
    -------
    NDArray
        Permutation: indices into `family`, in the order to be shown.

    Examples
    --------
    Two families, each image of which is shown twice, and two single images:

    >>> import numpy as np
    >>> family = np.array([0, 0, 1, 1, 2, 3])
    >>> order = spread_order(family, seed=0)
    >>> sorted(order.tolist())
    [0, 1, 2, 3, 4, 5]
    """
    random = np.random.default_rng(seed)
    members = np.lexsort((random.random(len(family)), family))
    _, first, count = np.unique(family[members], return_index=True, return_counts=True)
    place = np.arange(len(family)) - np.repeat(first, count)
    phase = np.repeat(random.random(len(count)), count)
    jitter = random.uniform(-_JITTER, _JITTER, len(family))
    position = (place + phase + jitter) / np.repeat(count, count)
    return members[np.argsort(position % 1.0, kind="stable")]


def twin_separation(image_index: NDArray[np.int64], clean_index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count, for each presentation of a changed image, the presentations to the nearest one of its clean twin.

    Parameters
    ----------
    image_index
        Image of each presentation, in the order shown.
    clean_index
        For each image, the clean image it was made from (itself, where it is clean).

    Returns
    -------
    NDArray
        One distance a presentation of a changed image whose clean twin is shown at all.

    Examples
    --------
    Image 1 was made from image 0; it is shown two places after it:

    >>> import numpy as np
    >>> twin_separation(np.array([0, 2, 1]), clean_index=np.array([0, 0, 2]))
    array([2])
    """
    shown_at: dict[int, list[int]] = {}
    for place, image in enumerate(image_index.tolist()):
        shown_at.setdefault(image, []).append(place)
    distances = [
        min(abs(place - twin) for twin in shown_at[int(clean_index[image])])
        for place, image in enumerate(image_index.tolist())
        if clean_index[image] != image and int(clean_index[image]) in shown_at
    ]
    return np.asarray(distances, dtype=np.int64)


def minutes_to_twin(
    image_index: NDArray[np.int64], onset_s: NDArray[np.float64], clean_index: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Measure, for each presentation of a changed image, the minutes to the nearest one of its clean twin.

    Parameters
    ----------
    image_index, onset_s
        Image and onset of each presentation, (n_presentations,).
    clean_index
        For each image, the clean image it was made from (itself, where it is clean).

    Examples
    --------
    >>> import numpy as np
    >>> minutes_to_twin(np.array([0, 2, 1]), np.array([0.0, 30.0, 60.0]), np.array([0, 0, 2]))
    array([1.])
    """
    clean_of = clean_index[image_index]
    minutes = []
    for clean in np.unique(clean_of[clean_of != image_index]):
        shown_s = np.sort(onset_s[image_index == clean])
        changed_s = onset_s[(clean_of == clean) & (image_index != clean)]
        if len(shown_s):
            after = np.searchsorted(shown_s, changed_s)
            bounds = np.r_[-np.inf, shown_s, np.inf]
            minutes.append(np.minimum(changed_s - bounds[after], bounds[after + 1] - changed_s) / 60)
    return np.concatenate(minutes) if minutes else np.empty(0)
