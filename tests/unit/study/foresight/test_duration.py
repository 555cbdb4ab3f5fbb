"""A time in words, as coarse as an estimate."""

from __future__ import annotations

import pytest

from closedloop.study.foresight.duration import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (42, "42 s"),
        (119, "119 s"),
        (600, "10 min"),
        (3_599, "60 min"),
        (5_040, "1.4 h"),
        (100_000, "28 h"),
    ],
)
def test_a_time_has_one_unit(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
