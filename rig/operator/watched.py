"""Ports as the machine has them, with an ear at each: what passes through them is shown to the operator."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from rig.display.display import Display, DisplayFacts, DisplayName, Flip, Picture
from rig.ports.clock import ClockKind
from rig.ports.gaze import Gaze, GazePoint, GazeSample
from rig.ports.timed import ClockReading
from rig.ports.trackers.tracker import Tracker, TrackerStatus

_TRACE_S = 1.5
_TRACE_POINTS = 90
_EYE_LOST_S = 2.0


class EyeTrace:
    """The last second and a half of gaze, thinned to what can be seen."""

    def __init__(self) -> None:
        self._samples: deque[GazeSample] = deque(maxlen=_TRACE_POINTS)
        self._seen_s: float | None = None
        self._newest_s: float | None = None

    def add(self, sample: GazeSample) -> None:
        """Take a sample."""
        self._newest_s = sample.time_s
        if sample.point is not None or self._seen_s is None:
            self._seen_s = sample.time_s
        if not self._samples or sample.time_s - self._samples[-1].time_s >= _TRACE_S / _TRACE_POINTS:
            self._samples.append(sample)

    def points(self) -> tuple[tuple[float, float] | None, ...]:
        """Return the trace, degrees right and up, oldest first; None for no eye."""
        points = (sample.point for sample in self._samples)
        return tuple(None if point is None else (round(point.x_deg, 3), round(point.y_deg, 3)) for point in points)

    def fault(self) -> str:
        """Return in words that samples come without an eye, where that lasts."""
        if self._newest_s is None or self._seen_s is None:
            return ""
        lost_s = self._newest_s - self._seen_s
        return f"no eye for {lost_s:.0f} s" if lost_s >= _EYE_LOST_S else ""


class WatchedGaze:
    """A source of gaze whose samples are seen, and can be moved.

    Parameters
    ----------
    gaze
        Where they come from.
    trace
        Where they are seen.
    """

    def __init__(self, gaze: Gaze, trace: EyeTrace) -> None:
        self._gaze, self._trace = gaze, trace
        self._tracker = gaze if isinstance(gaze, Tracker) else None
        self._shift_deg = (0.0, 0.0)

    @property
    def name(self) -> str:
        """Whose gaze it is."""
        return self._gaze.name

    def shift(self, x_deg: float, y_deg: float) -> None:
        """Move every sample from here on by so much more, degrees to the right and up."""
        self._shift_deg = (self._shift_deg[0] + x_deg, self._shift_deg[1] + y_deg)

    def start_trial(self, trial: int, time_s: float) -> None:
        """Note that the fixation point of a trial went on."""
        self._gaze.start_trial(trial, time_s)

    def samples(self, now_s: float) -> Sequence[GazeSample]:
        """Return every sample since the last call, oldest first."""
        samples = self._gaze.samples(now_s)
        if self._shift_deg != (0.0, 0.0):
            samples = [_moved(one, *self._shift_deg) for one in samples]
        for sample in samples:
            self._trace.add(sample)
        return samples

    @property
    def silent_after_s(self) -> float:
        """How long it may keep still."""
        return self._tracker.silent_after_s if self._tracker is not None else 0.0

    def status(self) -> TrackerStatus | None:
        """Return what is known of it from its samples; None of what is no tracker."""
        return self._tracker.status() if self._tracker is not None else None

    def note_code(self, code: int) -> None:
        """Note a digital code in the tracker's own file, where it has one."""
        if self._tracker is not None:
            self._tracker.note_code(code)

    def clock(self) -> ClockReading | None:
        """Ask the tracker what time it is."""
        return self._tracker.clock() if self._tracker is not None else None

    def check(self) -> None:
        """Look whether the tracker is there still."""
        if self._tracker is not None:
            self._tracker.check()

    def mend(self) -> None:
        """Open the tracker again if it failed."""
        if self._tracker is not None:
            self._tracker.mend()

    def close(self) -> None:
        """Release the tracker."""
        self._gaze.close()


def _moved(sample: GazeSample, x_deg: float, y_deg: float) -> GazeSample:
    point = sample.point
    return GazeSample(sample.time_s, GazePoint(point.x_deg + x_deg, point.y_deg + y_deg) if point is not None else None)


class WatchedDisplay:
    """A display of which every flip is told to somebody, once it is over.

    Parameters
    ----------
    display
        What shows the pictures.
    after_flip
        Called with the picture and its flip.
    after_prepare
        Called with how many images were taken up, and how long that took in seconds.
    """

    def __init__(
        self,
        display: Display,
        *,
        after_flip: Callable[[Picture, Flip], None],
        after_prepare: Callable[[int, float], None] | None = None,
    ) -> None:
        self._display, self._after_flip, self._after_prepare = display, after_flip, after_prepare

    @property
    def name(self) -> DisplayName:
        """Which display this is."""
        return self._display.name

    @property
    def clock_kind(self) -> ClockKind:
        """Whether its frames take time."""
        return self._display.clock_kind

    @property
    def refresh_hz(self) -> float:
        """Frames per second."""
        return self._display.refresh_hz

    @property
    def facts(self) -> DisplayFacts:
        """What was found when it was opened."""
        return self._display.facts

    def now_s(self) -> float:
        """Return the time on the clock that flips are reported in."""
        return self._display.now_s()

    def utc(self) -> str | None:
        """Return the wall clock, or None on a virtual clock."""
        return self._display.utc()

    def prepare(self, image_indices: Sequence[int]) -> None:
        """Take the images of the next trial into slots 0, 1, ..."""
        begun_s = self._display.now_s()
        self._display.prepare(image_indices)
        if self._after_prepare is not None:
            self._after_prepare(len(image_indices), self._display.now_s() - begun_s)

    def flip(self, picture: Picture, *, at_flip: Callable[[], None] | None = None) -> Flip:
        """Show a picture for at least one frame."""
        flip = self._display.flip(picture, at_flip=at_flip)
        self._after_flip(picture, flip)
        return flip

    def health(self) -> tuple[str, ...]:
        """Return in words what keeps the animal from seeing the picture now."""
        return self._display.health()

    def bring_back(self) -> None:
        """Put the window on top, into its place, with the keyboard; the gamma ramp as it was."""
        self._display.bring_back()

    def keys(self) -> tuple[str, ...]:
        """Return the names of the keys that were pressed in the window since it was asked last."""
        return self._display.keys()

    def close(self) -> None:
        """Release the screen."""
        self._display.close()
