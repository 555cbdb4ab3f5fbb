"""Is the animal fixating? A window in degrees, and a boxcar so that one bad sample breaks nothing."""

from __future__ import annotations

from collections import deque

from rig.ports.gaze import GazePoint


class FixationWindow:
    """The last gaze samples against a round window.

    The animal looks away when the mean of the samples lies outside the window and most of them do: a single sample in
    a saccade or a blink, however far off, does neither. It has fixated when the boxcar is full and its mean inside.

    Parameters
    ----------
    radius_deg
        Radius of the window, degrees.
    n_samples
        Length of the boxcar.
    """

    def __init__(self, *, radius_deg: float, n_samples: int) -> None:
        self._radius_deg = radius_deg
        self._samples: deque[GazePoint | None] = deque(maxlen=n_samples)

    def clear(self) -> None:
        """Forget all samples: a trial begins."""
        self._samples.clear()

    def add(self, sample: GazePoint | None) -> None:
        """Take a sample, or None for a lost eye."""
        self._samples.append(sample)

    @property
    def acquired(self) -> bool:
        """Whether the eye has come to rest in the window."""
        full = len(self._samples) == self._samples.maxlen
        return full and self._newest_inside() and not self._mean_outside()

    @property
    def broken(self) -> bool:
        """Whether the eye has left the window."""
        if self._newest_inside():
            return False
        n_outside = sum(1 for sample in self._samples if self._outside(sample))
        return 2 * n_outside > len(self._samples) and self._mean_outside()

    def _newest_inside(self) -> bool:
        return bool(self._samples) and not self._outside(self._samples[-1])

    def _outside(self, sample: GazePoint | None) -> bool:
        return sample is None or sample.eccentricity_deg > self._radius_deg

    def _mean_outside(self) -> bool:
        seen = [sample for sample in self._samples if sample is not None]
        if not seen:
            return True
        mean = GazePoint(sum(s.x_deg for s in seen) / len(seen), sum(s.y_deg for s in seen) / len(seen))
        return self._outside(mean)
