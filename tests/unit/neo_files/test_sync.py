"""Two clocks by their pulses: lost and extra pulses, and clocks that have nothing to do with each other."""

from __future__ import annotations

import numpy as np

from closedloop.neo_files.sync import map_clock

HOUR = np.arange(3_600) * 30_000.0


def test_an_hour_of_drift_is_followed_though_it_exceeds_a_quarter_of_a_period() -> None:
    found = map_clock(HOUR * (1 + 90e-6), HOUR + 500)
    assert found is not None
    np.testing.assert_allclose(found.move(HOUR * (1 + 90e-6) + 3_000), HOUR + 500 + 3_000 / (1 + 90e-6), atol=0.01)
    assert abs(found.drift_ppm + 90) < 0.1


def test_lost_and_extra_pulses_are_passed_over() -> None:
    here = np.sort(np.append(np.delete(HOUR, [5, 6, 900]), [12_345.0 + 7 * 30_000]))
    found = map_clock(here, np.delete(HOUR, [44, 2_000]) + 100)
    assert found is not None
    assert len(found.here) == 3_600 - 5
    np.testing.assert_allclose(found.move(HOUR), HOUR + 100)


def test_too_few_pulses_or_another_clock_are_no_map() -> None:
    assert map_clock(HOUR[:2], HOUR[:2]) is None
    assert map_clock(HOUR[:60], HOUR[:60] * 1.01) is None
    assert map_clock(HOUR, np.zeros(0)) is None
