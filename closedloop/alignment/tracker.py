"""An eye tracker's own clock in terms of the rig's, by the trials and digital codes that the rig told it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.clock import ClockFit, fit_clock
from closedloop.errors import AlignmentError
from closedloop.eyelink.marks import TrackerMarks

LEAST_TRIALS: Final = 3
"""Two make a line whatever they are; the third can contradict it."""

_LEAST_CODES: Final = 10
_NEAR_S: Final = 0.25  # a code of eight bits comes again after twenty seconds; a message waits for a few ms
_MOST_DRIFT_PPM: Final = 1000.0  # quartzes leave each other by a tenth of that
_REMEDY: Final = "Is it of this session? It stays with the session, and its samples have no place in the journal."

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TrackerClock:
    """From the tracker's seconds to the rig's in one launch.

    Attributes
    ----------
    launch
        Place of the launch whose trials the tracker was told.
    fit
        The line; its "array" is the rig here, its "rig" the tracker.
    n_matched, n_received
        Messages that are those of the journal, of all that the tracker has.
    residual_95_ms
        Of all but 5 % of them, rig minus fitted times are not larger.
    from_codes
        Whether the line goes through the codes, told at the flip; else through the trials, told after it.
    """

    launch: int
    fit: ClockFit
    n_matched: int
    n_received: int
    residual_95_ms: float
    from_codes: bool

    def rig_s(self, tracker_s: Floats) -> Floats:
        """Convert the tracker's times to the rig's, seconds."""
        return self.fit.array_s(tracker_s)


def align_tracker(received: TrackerMarks, sent: Sequence[TrackerMarks], *, place: str) -> TrackerClock:
    """Find the launch that a tracker's messages are of, and its clock.

    A trial's number is unique in a session, a code comes again and again: trials say roughly when, and codes, which
    left at the flip itself, exactly.

    Parameters
    ----------
    received
        Trials and codes on the tracker's clock.
    sent
        Of each launch, on the rig's.
    place
        What a message begins with: the tracker's file.

    Raises
    ------
    AlignmentError
        Too few messages are those of the journal, or they came at other distances.
    """
    pairs = [_trial_pairs(received, launch) for launch in sent]
    n = [len(one) for one in pairs]
    if max(n, default=0) < LEAST_TRIALS:
        raise AlignmentError(
            f"{place}: expected messages of at least {LEAST_TRIALS} of the journal's trials, found "
            f"{max(n, default=0)} among {received.n}. {_REMEDY}"
        )
    launch = int(np.argmax(n))
    trials = pairs[launch]
    rough = fit_clock(trials[:, 0], trials[:, 1])
    codes = _code_pairs(received, sent[launch], rough)
    from_codes = len(codes) >= _LEAST_CODES
    used = codes if from_codes else trials
    fit = fit_clock(used[:, 0], used[:, 1])
    residual_ms = 1000.0 * np.abs(used[:, 1] - fit.array_s(used[:, 0]))
    typical_ms = float(np.median(residual_ms))
    if abs(fit.drift_ppm) > _MOST_DRIFT_PPM or typical_ms > 1000.0 * _NEAR_S:
        raise AlignmentError(
            f"{place}: expected messages as far apart as the journal's rows, found them {typical_ms:.0f} ms from a "
            f"line of {fit.drift_ppm:.0f} ppm. {_REMEDY}"
        )
    return TrackerClock(
        launch=launch,
        fit=fit,
        n_matched=len(trials) + len(codes),
        n_received=received.n,
        residual_95_ms=float(np.percentile(residual_ms, 95)),
        from_codes=from_codes,
    )


def _trial_pairs(received: TrackerMarks, sent: TrackerMarks) -> Floats:
    """Return tracker's and rig's time of each trial that both have once, shape (n, 2)."""
    ours, theirs = _once(sent.trial), _once(received.trial)
    _, mine, its = np.intersect1d(sent.trial[ours], received.trial[theirs], return_indices=True)
    return np.column_stack([received.trial_s[theirs][its], sent.trial_s[ours][mine]])


def _once(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse] == 1)


def _code_pairs(received: TrackerMarks, sent: TrackerMarks, rough: ClockFit) -> Floats:
    """Return tracker's and rig's time of each code that has its like close by, shape (n, 2)."""
    pairs: list[Floats] = []
    for code in np.intersect1d(received.code, sent.code):
        theirs, ours = received.code_s[received.code == code], sent.code_s[sent.code == code]
        expected = rough.array_s(theirs)
        after = np.clip(np.searchsorted(ours, expected), 1, max(ours.size - 1, 1))
        near = ours[np.minimum(after, ours.size - 1)]
        before = ours[after - 1]
        nearest = np.where(np.abs(before - expected) <= np.abs(near - expected), before, near)
        is_near = np.abs(nearest - expected) <= _NEAR_S
        pairs.append(np.column_stack([theirs[is_near], nearest[is_near]]))
    return np.concatenate(pairs) if pairs else np.empty((0, 2))
