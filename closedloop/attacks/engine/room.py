"""Room for slots: as many as were asked for, or as memory holds; what does not fit waits outside, as far as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import torch

from closedloop.attacks.engine.evaluation import PADDED_TO, Evaluator, if_it_fits, no_room
from closedloop.attacks.engine.steps import Slots, Start, concatenate, fill_slots

_OUTSIDE = torch.device("cpu")


@dataclass
class Room:
    """The slots of a search.

    Attributes
    ----------
    n_slots
        Starts that are searched at once; halved for good where memory does not suffice.
    live
        What is searched, on the model's device.
    outside
        What had to go, in the machine's memory, with all that it has found.
    entering
        Starts that were taken and have not begun.
    """

    n_slots: int
    live: Slots | None = None
    outside: Slots | None = None
    entering: list[Start] = field(default_factory=list)
    _device: torch.device = _OUTSIDE

    def fill(self, evaluator: Evaluator, starts: Iterator[Start]) -> bool:
        """Fill the free slots: by what waits outside, then by new starts. Return whether anything is searched now.

        Parameters
        ----------
        evaluator
            Problem and method.
        starts
            What is still to be searched; no more is taken than there is room for.

        Raises
        ------
        NoRoomError
            There is no memory for a few slots.
        """
        while True:
            n_free = self.n_slots - _n_in(self.live)
            back, left = _split(self.outside, n_free)
            n_free -= _n_in(back)
            self.entering += islice(starts, max(n_free - len(self.entering), 0))
            full = if_it_fits(partial(self._filled, evaluator, back, self.entering[:n_free]))
            if full is not None:
                self.live, self.outside, self.entering = next(iter(full), None), left, self.entering[n_free:]
                return self.live is not None
            self.shrink(evaluator)

    def shrink(self, evaluator: Evaluator) -> None:
        """Go on with half as many slots: what is in them goes outside, and comes back as there is room.

        Parameters
        ----------
        evaluator
            Asks the model about as many images at once as there are slots then.

        Raises
        ------
        NoRoomError
            So few are left that less would not help.
        """
        n = min(self.n_slots, _n_in(self.live) + len(self.entering))
        if n <= PADDED_TO:
            raise no_room()
        self.n_slots = evaluator.width.images = max(PADDED_TO, n // 2)
        if self.live is not None:
            self._device = self.live.device
            gone = self.live.to(_OUTSIDE)
            self.live, self.outside = None, concatenate([gone, self.outside] if self.outside else [gone])

    def _filled(self, evaluator: Evaluator, back: Slots | None, starts: list[Start]) -> list[Slots]:
        """Return all that is searched from now on, as one group; none where there is nothing."""
        parts = [self.live, back.to(self._device) if back else None, fill_slots(evaluator, starts) if starts else None]
        filled = [part for part in parts if part is not None]
        return [concatenate(filled)] if filled else []


def _n_in(slots: Slots | None) -> int:
    return len(slots.starts) if slots else 0


def _split(slots: Slots | None, n: int) -> tuple[Slots | None, Slots | None]:
    """Return the first n slots, and the others."""
    if slots is None or n < 1:
        return None, slots
    if n >= len(slots.starts):
        return slots, None
    first = torch.arange(len(slots.starts)) < n
    return slots.select(first), slots.select(~first)
