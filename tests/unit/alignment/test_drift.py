"""Clocks that run further apart than any two do are refused, on either side; those that may are aligned."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.alignment.alignment import align
from closedloop.errors import ClockRateError
from closedloop.recording.codes import ReceivedCodes, SentCodes
from tests.unit.messages import refused


def session(stretch: float) -> tuple[SentCodes, ReceivedCodes]:
    """A journal, and its codes received on a clock that runs so many times as fast."""
    random = np.random.default_rng(0)
    time_s = np.cumsum(np.where(np.arange(400) % 5, 0.3, random.uniform(0.8, 1.6, 400)))  # five images a trial
    code = random.integers(1, 250, 400)
    tick = np.rint((time_s * stretch + 5) * 30_000).astype(np.int64)
    return SentCodes(code, time_s), ReceivedCodes(np.zeros(400, int), tick, code)


@pytest.mark.parametrize("stretch", [1.002, 1.05, 1 / 1.05, 1.2, 0.8])
def test_clocks_that_are_none_are_refused(stretch: float) -> None:
    sent, received = session(stretch)
    drift_ppm = (stretch - 1) * 1e6
    with refused(ClockRateError, "array1: expected a clock within 1000 ppm", f"{drift_ppm:+.0f}"[:3], "ppm. Restore"):
        align(sent, received, place="array1")


@pytest.mark.parametrize("drift_ppm", [-200.0, 0.0, 200.0])
def test_clocks_that_drift_as_quartzes_do_are_aligned(drift_ppm: float) -> None:
    sent, received = session(1 + drift_ppm * 1e-6)
    found = align(sent, received)
    assert found.quality.n_matched == 400
    assert found.quality.drift_ppm == pytest.approx(drift_ppm, abs=1)
