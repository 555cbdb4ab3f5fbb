"""Which presentations are set aside, and the reason given."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.recording.segments import Segment
from closedloop.recording.usability import AT_RESET, IN_GAP, NO_ONSET, OUTSIDE, USABLE, usable

TICK_HZ = 1000.0  # a tick a millisecond: the numbers below are milliseconds

DAY = (
    Segment(clock_segment=0, first_tick=1000, end_tick=5000, n_samples=4000),
    Segment(clock_segment=0, first_tick=6000, end_tick=9000, n_samples=3000),
    Segment(clock_segment=1, first_tick=0, end_tick=4000, n_samples=4000),
)


@pytest.mark.parametrize(
    ("clock_segment", "onset", "reason"),
    [
        (0, 1100.0, USABLE),  # from exactly the first sample
        (0, 1099.9, OUTSIDE),
        (0, 4830.0, USABLE),  # to exactly the last sample
        (0, 4830.1, IN_GAP),
        (0, 5500.0, IN_GAP),
        (0, 6099.9, IN_GAP),
        (0, 6100.0, USABLE),
        (0, 8830.0, USABLE),
        (0, 8830.1, AT_RESET),
        (1, 99.9, AT_RESET),
        (1, 100.0, USABLE),
        (1, 3830.0, USABLE),
        (1, 3830.1, OUTSIDE),
        (1, 7000.0, OUTSIDE),  # recorded in the first clock segment, not in this one
        (2, 2000.0, OUTSIDE),  # a clock segment without samples
        (0, np.nan, NO_ONSET),
    ],
)
def test_all_of_minus_100_to_170_ms_must_lie_in_one_segment(clock_segment: int, onset: float, reason: str) -> None:
    onsets, reasons = usable(np.array([clock_segment]), np.array([onset]), DAY, tick_hz=TICK_HZ)
    assert reasons == (reason,)
    np.testing.assert_array_equal(onsets, [onset if reason == USABLE else np.nan])


def test_a_longer_window_needs_more() -> None:
    assert usable(np.array([0]), np.array([4800.0]), DAY, tick_hz=TICK_HZ)[1] == (USABLE,)
    found = usable(np.array([0]), np.array([4800.0]), DAY, tick_hz=TICK_HZ, needed_ms=(-100, 300))
    assert found[1] == (IN_GAP,)


def test_without_any_segment_nothing_is_usable() -> None:
    onsets, reasons = usable(np.array([0]), np.array([1100.0]), (), tick_hz=TICK_HZ)
    assert reasons == (OUTSIDE,)
    assert np.isnan(onsets).all()
