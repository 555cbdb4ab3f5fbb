"""The order of a session: as planned, but that a rejected presentation returns to a seeded place, never simply the end.

At the end all rejected presentations would gather in the last trials of a session, when the animal is least willing.
The place is a function of the session's seed, the presentation and how often it was rejected, so that a session that
was killed and resumed continues in the order of an undisturbed one. Where images have twins, only places that are far
enough from them are drawn from (`presented.twins`). It is here, not with the rig, so that whoever takes over a journal
can tell whether it is in the one order that the session has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from closedloop.artifacts.day.journal_rows import LaunchOpened, Presentation, RecordingNoted, TrialBegun
from closedloop.artifacts.day.presented.twins import TwinDistances
from closedloop.artifacts.day.presented.unrecorded import RecordedSoFar
from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.naming import generator


def requeue(
    queue: Sequence[int],
    presentation_index: int,
    *,
    behind: int,
    seed: int,
    n_rejections: int,
    places: Sequence[range] | None = None,
) -> list[int]:
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
    places
        Where it may go, at least one place, in order; None for everywhere.
    """
    # The name is part of every session's order: it stays.
    random = generator(seed, "put_back", presentation_index, n_rejections)
    free = [range(behind, len(queue) + 1)] if places is None else places
    drawn = int(random.integers(sum(len(some) for some in free)))
    for some in free:
        if drawn < len(some):
            break
        drawn -= len(some)
    place = some[drawn]
    return [*queue[:place], presentation_index, *queue[place:]]


class PresentationOrder:
    """What is still to be shown, as trials are: the same for the rig, for a replayed journal and for a check of one.

    Parameters
    ----------
    document
        The session's: seed, images a trial, twins.
    image_index
        Image of each planned presentation.

    Attributes
    ----------
    queue
        presentation_index of what is to be shown after the trial under way, the next one first.
    taken
        What the trial under way was to show, in order.
    n_rejections
        How often each presentation was rejected.
    next_ordinal, n_accepted
        Counts over the session: presentations begun, and accepted.
    """

    def __init__(self, document: SessionDocument, image_index: Sequence[int]) -> None:
        self._seed, self._n_a_trial = document.seed, document.trial.presentations_per_trial
        self._twins = TwinDistances(document.twins, image_index) if document.twins is not None else None
        self._begun: list[int] = []
        self._accepted: set[int] = set()
        self._recorded = RecordedSoFar()
        self.queue, self.taken = list(range(len(image_index))), list[int]()
        self.n_rejections: Counter[int] = Counter()
        self.next_ordinal = self.n_accepted = 0

    @property
    def n_twins_too_near(self) -> int:
        """Presentations that were accepted closer to a twin than planned."""
        return self._twins.n_too_near if self._twins is not None else 0

    @property
    def needed_until_s(self) -> float | None:
        """Up to when the recording has to go on for all that was accepted; None where nothing waits for it."""
        return self._recorded.needed_until_s

    @property
    def n_begun(self) -> int:
        """Presentations of the trial under way that were begun."""
        return len(self._begun)

    def start_trial(self) -> list[int]:
        """Take the presentations of the next trial from the front of the queue, and return them."""
        self.end_trial()
        self.taken, self.queue = self.queue[: self._n_a_trial], self.queue[self._n_a_trial :]
        return self.taken

    def begin(self, ordinal: int, presentation_index: int) -> None:
        """Count a presentation that is about to be seen; until it is accepted, it was not."""
        self._begun.append(presentation_index)
        self.next_ordinal = ordinal + 1
        if self._twins is not None:
            self._twins.show(ordinal, presentation_index)

    def accept(self, presentation_index: int) -> None:
        """Count a presentation of the trial under way as accepted."""
        self._accepted.add(presentation_index)
        self.n_accepted += 1
        if self._twins is not None:
            self._twins.accept(presentation_index)

    def open_launch(self, row: LaunchOpened) -> None:
        """Go on after a launch that may have been killed: its trial is over, and so is its recording."""
        self.end_trial()
        self.next_ordinal = row.first_ordinal
        self.note_recording(row)

    def note_recording(self, row: LaunchOpened | TrialBegun | Presentation | RecordingNoted) -> None:
        """Follow what was accepted and what is said of the recording; what is in none goes back to its seeded place."""
        loss = self._recorded.note(row)
        for one in loss.presentations if loss is not None else ():
            self._take_back(one.presentation_index)

    def _take_back(self, index: int) -> None:
        self.n_accepted -= 1
        if self._twins is not None:
            self._twins.take_back(index)
        if index in self._accepted:  # the end of its trial puts it back
            self._accepted.discard(index)
        else:
            self._put_back(index, behind=0)

    def end_trial(self) -> None:
        """Put back what the trial did not get accepted: what was not begun in front, the rest at its seeded place."""
        unshown = self.taken[len(self._begun) :]
        self.queue = [*unshown, *self.queue]
        for index in self._begun:
            if index not in self._accepted:
                self._put_back(index, behind=len(unshown))
        self.taken, self._begun = [], []
        self._accepted.clear()

    def _put_back(self, index: int, *, behind: int) -> None:
        self.n_rejections[index] += 1
        places = (
            self._twins.places(self.queue, index, behind=behind, next_ordinal=self.next_ordinal)
            if self._twins is not None
            else None
        )
        self.queue = requeue(
            self.queue, index, behind=behind, seed=self._seed, n_rejections=self.n_rejections[index], places=places
        )
