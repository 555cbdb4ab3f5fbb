"""Whether a loop that runs rests until a person has done something, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from closedloop.artifacts.study import StudyPaths
from closedloop.service.state import LedgerReader, Standing, standing_at_rest
from closedloop.study.process.lock import holder_of, waiter_of
from closedloop.study.waiting.scene import Scene, look_around

_SURE_S = 1.5  # a loop gives the study back for an instant when it ends, too
_LOOK_EVERY_S = 5.0
_ANEW_S = 60.0  # what a look at names and sizes does not show: that a person decided of another file


@dataclass
class Resting:
    """What is known of a loop at rest: it waits on the study, and nobody works on it."""

    paths: StudyPaths
    _since: float | None = None
    _now: float = 0.0
    _scene: Scene | None = None
    _looked: float = 0.0
    _read: float = 0.0
    _standing: Standing | None = None

    @property
    def is_so(self) -> bool:
        """Return whether the loop has rested for long enough to be sure of it."""
        return self._since is not None and self._now - self._since >= _SURE_S

    def look(self, now: float) -> None:
        """See whether the loop rests; `now` is of a clock that never jumps."""
        self._now = now
        if waiter_of(self.paths.root) is None or holder_of(self.paths.root) is not None:
            self.end()
        elif self._since is None:
            self._since = now
        elif now - self._looked >= _LOOK_EVERY_S:
            self._looked = now
            self._forget_if_changed()

    def end(self) -> None:
        """Hear that it rests no longer, or that its process has ended."""
        self._since, self._standing = None, None

    def standing(self, ledger: LedgerReader) -> Standing:
        """Return where the study stands; read anew where something changed, and once a minute."""
        if self._standing is None or self._now - self._read >= _ANEW_S:
            self._standing, self._read = standing_at_rest(self.paths, ledger), self._now
        return self._standing

    def _forget_if_changed(self) -> None:
        try:
            scene = look_around(self.paths)
        except OSError:  # the disk does not answer; the loop says so
            return
        if scene != self._scene:
            self._scene, self._standing = scene, None
