"""A recording that comes in pieces with pauses while somebody waits: taken over when it is whole, and soon."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.unit.study.completeness.test_schedules import is_whole, schedule_copies
from tests.unit.study.waiting.rests import Rest, waiting_bench

MOST_LATE_S = 10.0


@pytest.mark.parametrize("seed", range(30))
def test_a_copy_in_pieces_is_never_taken_over_early_and_at_most_ten_seconds_late(tmp_path: Path, seed: int) -> None:
    """Late is what passes after the files have lain unchanged for a minute, on a file system that tells of nothing."""
    random = Random(seed)
    made = waiting_bench(tmp_path)
    rest = Rest(made)
    last = schedule_copies(made, random)
    rest.until_done()
    assert is_whole(made.folder)
    assert 0 <= rest.sealed_at - (last + made.settle_s) <= MOST_LATE_S, rest.told[-3:]
