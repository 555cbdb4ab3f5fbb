"""Where a rejected presentation returns to in the queue: a seeded place, never simply the end.

At the end all rejected presentations would gather in the last trials of a session, when the animal is least willing.
The place is a function of the session's seed, the presentation and how often it was rejected, so that a session that
was killed and resumed continues in the order of an undisturbed one.
"""

from __future__ import annotations

from collections.abc import Sequence

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
