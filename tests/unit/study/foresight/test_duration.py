"""A time in words, as coarse as an estimate."""

from __future__ import annotations

import pytest

from closedloop.study.foresight.duration import in_words, range_in_words


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


@pytest.mark.parametrize(
    ("least_s", "most_s", "words"),
    [
        (0.4, 0.9, "under a minute"),  # never "1 s to 1 s"
        (2, 59, "under a minute"),
        (20, 120, "about 20 s to 2 min"),
        (590, 610, "about 10 min"),
        (3_000, 18_000, "about 50 min to 5.0 h"),
    ],
)
def test_what_is_soon_done_has_no_range_and_a_range_has_two_ends(least_s: float, most_s: float, words: str) -> None:
    assert range_in_words(least_s, most_s) == words
