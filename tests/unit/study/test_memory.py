"""A stage's peak of memory is its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.study.memory import forget_peak, peak_mb

CAN_FORGET = Path("/proc/self/clear_refs").exists()


@pytest.mark.skipif(not CAN_FORGET, reason="only Linux forgets a peak")
def test_a_peak_is_forgotten_once_the_memory_is_given_back() -> None:
    forget_peak()
    before = peak_mb()
    held = np.ones(64 * 2**20, dtype=np.uint8)
    assert peak_mb() >= before + 60
    del held
    forget_peak()
    assert peak_mb() < before + 30
