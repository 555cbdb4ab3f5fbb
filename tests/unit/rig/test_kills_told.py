"""What `make kills` says of the cycles: how long the rest takes, from those so far."""

from __future__ import annotations

from tools.kills import Rest


def test_the_rest_takes_as_long_a_cycle_as_those_so_far_and_hang_ups_have_their_own_pace():
    rest = Rest()
    assert rest.told("collected 4 items", 0.0) == "collected 4 items"
    first = "tests/test.py kill 1 of 4 (seed 7): session 0, after 8 codes"
    assert rest.told(first, 100.0) == f"{first}; time left unknown"
    line = "kill 3 of 4 (seed 7): session 0, after 2 codes"
    assert rest.told(line, 220.0) == f"{line}; 1.0 min of these left"  # two cycles in 120 s, one to come
    line = ".hang-up 1 of 20 (seed 7): session 0, after 2 codes"
    assert rest.told(line, 300.0) == f"{line}; time left unknown"
