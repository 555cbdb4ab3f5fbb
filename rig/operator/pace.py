"""How long the rest of a session takes, from the pace so far: nothing is promised that was not seen."""

from __future__ import annotations

from collections import deque

_LATELY_S = 300.0
LEAST_PACE_S = 20.0  # a few trials: what the first ones say is said of nothing


class Pace:
    """Presentations accepted over the time that the rig ran, pauses left out."""

    def __init__(self) -> None:
        self._running_s = 0.0
        self._n_accepted = 0
        self._last_s: float | None = None
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)])

    @property
    def running_s(self) -> float:
        """How long it ran, seconds."""
        return self._running_s

    def run_to(self, time_s: float) -> None:
        """Count the time since the call before as time in which the session ran."""
        if self._last_s is not None:
            self._running_s += max(0.0, time_s - self._last_s)
        self._last_s = time_s

    def pause_to(self, time_s: float) -> None:
        """Count nothing since the call before."""
        self._last_s = time_s

    def accept(self) -> None:
        """Count a presentation."""
        self._n_accepted += 1

    def mark(self) -> None:
        """Remember how far the session is: a trial ended."""
        self._marks.append((self._running_s, self._n_accepted))
        while len(self._marks) > 2 and self._running_s - self._marks[1][0] >= _LATELY_S:
            self._marks.popleft()

    def left_s(self, n_left: int) -> float | None:
        """Return how long a number of presentations takes at the pace of the whole launch; None before there is one."""
        return _at_pace(n_left, self._n_accepted, self._running_s)

    def left_lately_s(self, n_left: int) -> float | None:
        """Return how long they take at the pace of the last five minutes; None where nothing was accepted in them."""
        since_s, since_n = self._marks[0]
        return _at_pace(n_left, self._n_accepted - since_n, self._running_s - since_s)


def _at_pace(n_left: int, n_done: int, done_s: float) -> float | None:
    if n_left == 0:
        return 0.0
    return n_left * done_s / n_done if n_done > 0 and done_s >= LEAST_PACE_S else None
