"""How far a requeued presentation stays from its twins: from a changed image to its clean one, and the reverse.

Distances are counted in presentations, over what was shown, rejected or not, as the animal has seen it, and what is
queued. Whatever is put into the queue moves the rest further away, so that only what is put there has to look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from closedloop.artifacts.day.session import TwinSettings


class TwinDistances:
    """Where a session's twins were shown, and where one may be queued.

    Parameters
    ----------
    settings
        Least distance, and the clean image of each image.
    image_index
        Image of each planned presentation.

    Attributes
    ----------
    n_too_near
        Presentations that were accepted closer to a twin shown before than planned.
    """

    def __init__(self, settings: TwinSettings, image_index: Sequence[int]) -> None:
        self._least = settings.least_presentations
        clean_of = settings.clean_of_image
        self._kind = [(clean_of[image], clean_of[image] != image) for image in image_index]
        members: dict[tuple[int, bool], set[int]] = {}
        for index, kind in enumerate(self._kind):
            members.setdefault(kind, set()).add(index)
        self._members = members
        self._shown_at: dict[tuple[int, bool], int] = {}
        self._distance: dict[int, int] = {}
        self.n_too_near = 0

    def show(self, ordinal: int, presentation_index: int) -> None:
        """Note what the animal sees."""
        family, is_changed = self._kind[presentation_index]
        before = self._shown_at.get((family, not is_changed))
        if before is not None:
            self._distance[presentation_index] = ordinal - before
        self._shown_at[family, is_changed] = ordinal

    def accept(self, presentation_index: int) -> None:
        """Count an accepted presentation among those too near to a twin, if it was when it was shown last."""
        self.n_too_near += self._distance.get(presentation_index, self._least) < self._least

    def take_back(self, presentation_index: int) -> None:
        """Count one that was accepted no more; the animal has seen it nevertheless."""
        self.n_too_near -= self._distance.get(presentation_index, self._least) < self._least

    def places(self, queue: Sequence[int], presentation_index: int, *, behind: int, next_ordinal: int) -> list[range]:
        """Return where a presentation can be queued: far enough from all twins, else as far as it goes.

        Parameters
        ----------
        queue
            presentation_index of what is still to be shown, the next one first.
        presentation_index
            What is to be queued.
        behind
            How many at the front of the queue stay in front of it.
        next_ordinal
            Ordinal of the first in the queue.
        """
        family, is_changed = self._kind[presentation_index]
        twins = self._members.get((family, not is_changed), set())
        queued = [place for place, index in enumerate(queue) if index in twins]
        before = self._shown_at.get((family, not is_changed))
        shown = None if before is None else before - next_ordinal
        free = list(_gaps(range(behind, len(queue) + 1), self._too_near(shown, queued)))
        return free or [_farthest(range(behind, len(queue) + 1), shown, queued)]

    def _too_near(self, shown: int | None, queued: Iterable[int]) -> Iterator[range]:
        """Yield the places too near to a twin, in order: after the one shown last, and around those queued."""
        if shown is not None:
            yield range(shown, shown + self._least)
        for place in queued:
            # put in at this place or before, it moves the twin one further
            yield range(place + 2 - self._least, place + self._least)


def _gaps(places: range, taken: Iterable[range]) -> Iterator[range]:
    """Yield the places that none of some ranges, whose ends go up, has taken."""
    start = places.start
    for one in taken:
        if not one:
            continue
        if start < min(one.start, places.stop):
            yield range(start, min(one.start, places.stop))
        start = max(start, one.stop)
    if start < places.stop:
        yield range(start, places.stop)


def _farthest(places: range, shown: int | None, queued: Sequence[int]) -> range:
    """Return the place, as a range of one, whose nearest twin is farthest; the last of several."""

    def distance(place: int) -> int:
        after_shown = [] if shown is None else [place - shown]
        return min([*after_shown, *(place - twin if twin < place else twin + 1 - place for twin in queued)])

    best = max(places, key=lambda place: (distance(place), place))
    return range(best, best + 1)
