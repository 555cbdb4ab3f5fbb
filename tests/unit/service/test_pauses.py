from __future__ import annotations

import pytest

from closedloop.service.children.pauses import pause_s


@pytest.mark.parametrize(("n", "seconds"), [(1, 1.0), (2, 2.0), (5, 16.0), (9, 256.0), (10, 300.0), (10**9, 300.0)])
def test_a_pause_doubles_up_to_five_minutes(n: int, seconds: float) -> None:
    assert pause_s(n) == seconds
