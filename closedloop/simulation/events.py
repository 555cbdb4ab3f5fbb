"""What reaches the recorder beside spikes: its drifting clock, digital codes (some lost, some doubled), the patch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.journal_rows import JournalRow, Presentation
from closedloop.artifacts.day.presented.codes import codes_sent

TICK_HZ = 30_000
_CODE_DELAY_S = 0.0003  # from the flip's return to the strobe
_CODE_JITTER_S = 0.0001
_DOUBLED_AFTER_S = 0.001
_PATCH_JITTER_S = 0.0002
_LATE_FRAME_PROBABILITY = 0.001  # a frame that the software does not know to be late

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RecorderClock:
    """The recorder's clock against the rig's: started earlier, running faster or slower.

    Attributes
    ----------
    lead_s
        Recorder time at the rig's zero.
    drift_ppm
        Parts per million by which it runs fast.
    """

    lead_s: float
    drift_ppm: float

    def ticks(self, rig_s: Floats) -> NDArray[np.int64]:
        """Return the recorder's ticks at times of the rig's clock."""
        return np.asarray(np.rint((rig_s * (1 + self.drift_ppm * 1e-6) + self.lead_s) * TICK_HZ), dtype=np.int64)


@dataclass(frozen=True)
class CodeArrivals:
    """Digital codes as they arrive, in order of time: rig clock in seconds, and values."""

    time_s: Floats
    value: NDArray[np.int64]


def send_codes(
    rows: Sequence[JournalRow], *, lost: float, doubled: float, seed: int, flipped: float = 0.0, n_bits: int = 8
) -> CodeArrivals:
    """Return when a journal's codes arrive over a line that loses some, doubles some and flips a bit of some.

    Of a presentation that the rig's end cut, the code was sent: that it may be there is what alignment has to bear.

    Parameters
    ----------
    rows
        The journal.
    lost, doubled, flipped
        Probabilities of each code.
    seed
        Of the line's noise.
    n_bits
        Width of the port: which bits may flip.
    """
    sent = codes_sent(rows)
    time_s, value = np.array([one.time_s for one in sent]), np.array([one.code for one in sent], dtype=np.int64)
    random = np.random.default_rng([seed, *b"words"])
    arrival = time_s + _CODE_DELAY_S + random.exponential(_CODE_JITTER_S, len(sent))
    fate = random.random(len(sent))
    kept, twice = fate >= lost, (fate >= lost) & (fate < lost + doubled)
    all_times = np.r_[arrival[kept], arrival[twice] + _DOUBLED_AFTER_S]
    order = np.argsort(all_times, kind="stable")
    return CodeArrivals(
        all_times[order], _flip(np.r_[value[kept], value[twice]][order], flipped, n_bits=n_bits, seed=seed)
    )


def _flip(value: NDArray[np.int64], share: float, *, n_bits: int, seed: int) -> NDArray[np.int64]:
    random = np.random.default_rng([seed, *b"flips"])
    hit = random.random(len(value)) < share
    return np.where(hit, value ^ (1 << random.integers(0, n_bits, len(value))), value)


@dataclass(frozen=True)
class PatchTimes:
    """When the photodiode patch was bright, rig clock in seconds, (n_presentations,) each."""

    on_s: Floats
    off_s: Floats


def patch_times(
    presentations: Sequence[Presentation],
    *,
    latency_s: float,
    frame_s: float,
    seed: int,
    jitter_s: float = _PATCH_JITTER_S,
    late_frame_probability: float = _LATE_FRAME_PROBABILITY,
) -> PatchTimes:
    """Return flips delayed by the display latency; a few come a whole frame late without the software's knowing.

    Parameters
    ----------
    presentations
        What was shown, in order.
    latency_s, jitter_s
        Display latency, from flip to photodiode onset: mean and SD.
    frame_s
        Length of a frame.
    seed
        Of the jitter and the late frames.
    late_frame_probability
        Of each presentation.
    """
    random = np.random.default_rng([seed, *b"light"])
    n = len(presentations)
    delay = latency_s + random.normal(0, jitter_s, n) + frame_s * (random.random(n) < late_frame_probability)
    on = np.array([presentation.onset_s for presentation in presentations])
    off = np.array([presentation.offset_s for presentation in presentations])
    return PatchTimes(on + delay, off + delay)
