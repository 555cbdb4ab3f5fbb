"""Up to when a recorder is known to have recorded: never later than what was really seen."""

from __future__ import annotations

from collections.abc import Callable

from rig.ports.recorders.growth import RecordingFolder

Now = Callable[[], float]


class KnownUntil:
    """Follows a sign that a recording goes on, such as packets that come or a file that grows.

    What has come since the last look came some time after that look, perhaps right after: up to the last look alone the
    recording is known to have gone on.

    Parameters
    ----------
    now_s
        Any clock that goes on, seconds.
    late_s
        So much later than it was made a sign may be seen.
    """

    def __init__(self, now_s: Now, *, late_s: float = 0.0) -> None:
        self._now_s, self._late_s = now_s, late_s
        self.until_s = self._looked_s = now_s()

    def begin(self) -> None:
        """Begin with a recording that was just seen to be on."""
        self.until_s = self._looked_s = self._now_s()

    def look(self, *, has_come: bool) -> None:
        """Note whether there was a sign since the last look."""
        looked_s, self._looked_s = self._looked_s, self._now_s()
        if has_come:
            self.until_s = max(self.until_s, looked_s - self._late_s)


class GrowingFile:
    """The file of a recording that is on, looked at now and then.

    Parameters
    ----------
    folder
        Where it grows.
    now_s
        Any clock that goes on, seconds.
    look_s
        Least time between two looks between trials.
    stalls_s
        A file that has not grown for so long has stalled.
    late_s
        So much later than it was recorded something may be seen in it.
    """

    def __init__(self, folder: RecordingFolder, now_s: Now, *, look_s: float, stalls_s: float, late_s: float) -> None:
        self.folder = folder.folder
        self._sizes, self._now_s, self._look_s, self._stalls_s = folder, now_s, look_s, stalls_s
        self.known = KnownUntil(now_s, late_s=late_s)
        self._name = ""
        self._next_look_s = self._grew_s = 0.0

    def begin(self, name: str) -> None:
        """Begin with a file that was just seen to grow; what its name begins with, empty for any."""
        self._name = name
        self._grew_s = self._now_s()
        self._next_look_s = self._grew_s + self._look_s
        self.known.begin()

    @property
    def still_s(self) -> float:
        """For how long it was not seen to grow, seconds."""
        return self._now_s() - self._grew_s

    def look(self) -> bool:
        """Look now, and return whether it has grown since the last look."""
        has_grown = any(path.name.startswith(self._name) for path in self._sizes.grown())
        self.known.look(has_come=has_grown)
        if has_grown:
            self._grew_s = self._now_s()
        return has_grown

    def has_stalled(self) -> bool:
        """Look if it is time to, and return whether it has not grown for long."""
        now_s = self._now_s()
        if now_s < self._next_look_s:
            return False
        self._next_look_s = now_s + self._look_s
        return not self.look() and self.still_s >= self._stalls_s


def await_known(
    ago_s: float, *, known_ago_s: Callable[[], float], now_s: Now, patience_s: float, look: Callable[[], bool]
) -> bool:
    """Wait until a recording is known to have been on so many seconds before this call, and return whether it is.

    Parameters
    ----------
    ago_s
        Before this call.
    known_ago_s
        Says how long ago it was known last.
    now_s
        Any clock that goes on, seconds.
    patience_s
        How long to wait at most.
    look
        Lets some time pass and looks; returns whether there is anything left to wait for.
    """
    began_s = now_s()
    while known_ago_s() > ago_s + now_s() - began_s:
        if now_s() - began_s >= patience_s or not look():
            return False
    return True
