"""The order of a session: as planned, but that a rejected presentation returns to a seeded place, never simply the end.

At the end all rejected presentations would gather in the last trials of a session, when the animal is least willing.
The place is a function of the session's seed, the presentation and how often it was rejected, so that a session that
was killed and resumed continues in the order of an undisturbed one. It is here, not with the rig, so that whoever
takes over a journal can tell whether it is in the one order that the session has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from closedloop.artifacts.day.journal_rows import Presentation
from closedloop.artifacts.naming import generator


def requeue(queue: Sequence[int], presentation_index: int, *, behind: int, seed: int, n_rejections: int) -> list[int]:
    """Return the queue with a rejected presentation at its seeded place, every place being as likely.

    Parameters
    ----------
    queue
        presentation_index of what is still to be shown, the next one first.
    presentation_index
        What was rejected.
    behind
        How many at the front of the queue stay in front of it.
    seed
        The session's.
    n_rejections
        How often it was rejected by now, at least 1.
    """
    # The name is part of every session's order: it stays.
    random = generator(seed, "put_back", presentation_index, n_rejections)
    place = int(random.integers(behind, len(queue) + 1))
    return [*queue[:place], presentation_index, *queue[place:]]


def settle_queue(
    queue: Sequence[int], taken: Sequence[int], shown: Sequence[Presentation], *, n_rejections: Counter[int], seed: int
) -> list[int]:
    """Return the queue after a trial: what was not shown is in front again, what was rejected at its seeded place.

    Parameters
    ----------
    queue
        presentation_index of what is left behind the trial's.
    taken
        presentation_index of what the trial was to show, in order.
    shown
        What it showed, in order; may be less.
    n_rejections
        How often each presentation was rejected before; the trial's are added.
    seed
        The session's.
    """
    unshown = list(taken[len(shown) :])
    settled = [*unshown, *queue]
    for row in shown:
        if row.outcome == "rejected":
            index = row.presentation_index
            n_rejections[index] += 1
            settled = requeue(settled, index, behind=len(unshown), seed=seed, n_rejections=n_rejections[index])
    return settled
