"""Which samples lie in a range of ticks: every one whose own tick does, and no other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from closedloop.recording.sample_ranges import SampleRange, samples_between
from closedloop.recording.source import ArraySource


def source(rate_hz: float) -> ArraySource:
    lengths = (40, 25, 30)
    return ArraySource(tuple(np.zeros((n, 1), np.int16) for n in lengths), (100, 2_000, 0), (0, 0, 1), rate_hz)


@given(st.integers(0, 3_000), st.integers(0, 3_000), st.sampled_from([30_000.0, 2_000.0, 1_000.0, 500.0]))
def test_a_sample_is_in_the_range_if_its_tick_is(first: int, stop: int, rate_hz: float) -> None:
    made = source(rate_hz)
    found = {part.segment: range(part.start, part.stop) for part in samples_between(made, {0: range(first, stop)})}
    for index, segment in enumerate(made.segments):
        ticks = made.ticks(index, np.arange(segment.n_samples))
        inside = [i for i, tick in enumerate(ticks.tolist()) if segment.clock_segment == 0 and first <= tick < stop]
        assert list(found.get(index, range(0))) == inside


def test_clock_segments_that_are_not_named_are_left_out() -> None:
    assert samples_between(source(30_000.0), {1: range(5, 10)}) == (SampleRange(2, 5, 10),)
