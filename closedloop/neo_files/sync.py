"""One card's clock on another's, by pulses that both recorded (SpikeGLX: the sync line of each card).

Two cards have two crystals: a few ppm apart, they part by tens of milliseconds in an hour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.clock_limits import MOST_CLOCK_PPM

Floats = NDArray[np.float64]

_LEAST_PULSES = 3
_NEAR = 0.25  # of a period: a pulse further away is another one


@dataclass(frozen=True)
class ClockMap:
    """Moments of one clock on another: `there` is the tick on the other clock of each pulse at `here`, both (n,)."""

    here: Floats
    there: Floats

    @property
    def drift_ppm(self) -> float:
        """How much faster the other clock's ticks run by than this one's."""
        return float((np.ptp(self.there) / np.ptp(self.here) - 1) * 1e6)

    def move(self, tick: NDArray[np.integer] | Floats) -> Floats:
        """Bring ticks over: straight lines between pulses, those at the ends drawn on."""
        tick = np.asarray(tick, np.float64)
        place = np.clip(np.searchsorted(self.here, tick, side="right") - 1, 0, len(self.here) - 2)
        slope = (self.there[place + 1] - self.there[place]) / (self.here[place + 1] - self.here[place])
        return np.asarray(self.there[place] + slope * (tick - self.here[place]))


def map_clock(here: Floats, there: Floats) -> ClockMap | None:
    """Pair the pulses of two clocks that began within a quarter of a pulse's period of each other.

    Lost pulses and extra ones are passed over.

    Parameters
    ----------
    here, there
        When each clock saw a pulse, in ticks of the same length, in order.

    Returns
    -------
    ClockMap or None
        None where fewer than three pulses pair, or the clocks are no two of one recording.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.neo_files.sync import map_clock
    >>> pulses = np.arange(10) * 30_000.0
    >>> found = map_clock(pulses * (1 + 20e-6), pulses + 12)
    >>> found.move(np.array([135_002.7])).round(2).tolist()
    [135012.0]
    """
    if min(len(here), len(there)) < _LEAST_PULSES:
        return None
    period = float(np.median(np.diff(there)))
    pairs: list[tuple[float, float]] = []
    offset = _nearest(there, float(here[0])) - float(here[0])
    for tick in here.tolist():
        nearest = _nearest(there, tick + offset)
        if abs(nearest - (tick + offset)) <= _NEAR * period:
            offset = nearest - tick
            pairs.append((tick, nearest))
    if len(pairs) < _LEAST_PULSES:
        return None
    found = ClockMap(*np.array(pairs).T)
    return found if abs(found.drift_ppm) <= MOST_CLOCK_PPM else None


def _nearest(there: Floats, tick: float) -> float:
    place = int(np.clip(np.searchsorted(there, tick), 1, len(there) - 1))
    before, after = float(there[place - 1]), float(there[place])
    return before if tick - before <= after - tick else after
