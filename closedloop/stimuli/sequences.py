"""Orders of presentation: random, yet with an image and its changed twins far apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_JITTER = 0.25  # of a family's spacing: neighbours of a family stay at least half a spacing apart
_PARTNERS = 16  # places that a presentation is tried at in a sweep
_GAIN = 0.9  # of those that are too near, a sweep must leave fewer: else the next one would gain nothing either


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


def move_twins_apart(
    image_index: NDArray[np.int64], clean_index: NDArray[np.int64], *, least: int, seed: int
) -> NDArray[np.int64]:
    """Exchange presentations until no changed image is nearer to its clean twin than allowed; else as far as that goes.

    For days on which `spread_order` alone does not do: a family of many changed images need not be spread evenly, as
    long as its few clean showings keep their distance. Presentations that are far enough stay where they are, but for
    those that change places with one that is not.

    Parameters
    ----------
    image_index
        Image of each presentation, in the order shown.
    clean_index
        For each image, the clean image it was made from (itself, where it is clean).
    least
        Presentations that a changed image is to be away from its clean twin; next to it is 1.
    seed
        Decides who changes places.

    Returns
    -------
    NDArray
        The same presentations in another order.

    Examples
    --------
    >>> import numpy as np
    >>> order = move_twins_apart(np.array([0, 1, 2, 3, 4]), np.array([0, 0, 2, 3, 4]), least=3, seed=0)
    >>> int(abs(np.flatnonzero(order == 0) - np.flatnonzero(order == 1))[0]) >= 3
    True
    """
    random = np.random.default_rng(seed)
    session = _Arrangement(image_index.tolist(), clean_index.tolist(), least)
    places = range(len(session.order))
    near = [place for place in places if session.is_changed(place) and session.is_near(place, place)]
    while near:
        partners = random.integers(len(session.order), size=(len(near), _PARTNERS)).tolist()
        for place, others in zip(near, partners, strict=True):
            if session.is_near(place, place):  # else another exchange has mended it
                session.exchange_with_one_of(place, others)
        left = [place for place in places if session.is_changed(place) and session.is_near(place, place)]
        if len(left) > _GAIN * len(near):
            break
        near = left
    return np.array(session.order, dtype=np.int64)


class _Arrangement:
    """An order of presentations, and where the clean and the changed images of each family are in it."""

    def __init__(self, order: list[int], clean_index: list[int], least: int) -> None:
        self.order, self._clean_of, self._least = order, clean_index, least
        self._places: dict[tuple[int, bool], set[int]] = {}
        for place in range(len(order)):
            self._of(place).add(place)

    def is_changed(self, place: int) -> bool:
        """Return whether a changed image is shown at a place."""
        image = self.order[place]
        return self._clean_of[image] != image

    def is_near(self, place: int, at: int) -> bool:
        """Return whether what is shown at one place would be too near to a twin at another."""
        family = self._clean_of[self.order[place]]
        twins = self._places.get((family, not self.is_changed(place)), ())
        return any(abs(at - twin) < self._least for twin in twins)

    def exchange_with_one_of(self, place: int, others: list[int]) -> None:
        """Exchange with the first one that lets both be far enough from their twins; with none, stay."""
        for other in others:
            is_family = self._clean_of[self.order[place]] == self._clean_of[self.order[other]]
            if not is_family and not self.is_near(place, other) and not self.is_near(other, place):
                self._of(place).remove(place)
                self._of(other).remove(other)
                self.order[place], self.order[other] = self.order[other], self.order[place]
                self._of(place).add(place)
                self._of(other).add(other)
                return

    def _of(self, place: int) -> set[int]:
        return self._places.setdefault((self._clean_of[self.order[place]], self.is_changed(place)), set())


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
    image_index = image_index.astype(np.int64)
    clean_of = clean_index.astype(np.int64)[image_index]
    place = np.arange(len(image_index))
    of_clean = np.flatnonzero(clean_of == image_index)
    changed = np.flatnonzero((clean_of != image_index) & np.isin(clean_of, image_index[of_clean]))
    # one axis for all families: a family's places lie in a stretch of their own, further from others than any twins
    stretch = 2 * len(image_index) + 1
    clean_at = np.sort(image_index[of_clean] * stretch + place[of_clean])
    changed_at = clean_of[changed] * stretch + place[changed]
    after = np.searchsorted(clean_at, changed_at)
    bounds = np.r_[-stretch, clean_at, (image_index.max(initial=0) + 2) * stretch]
    return np.asarray(np.minimum(changed_at - bounds[after], bounds[after + 1] - changed_at))


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
