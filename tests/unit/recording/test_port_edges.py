"""Edges of a digital port: what changed, and nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from closedloop.recording.port_edges import port_edges

WORDS = st.integers(0, 0xFFFF)


def test_each_line_that_changes_is_an_edge() -> None:
    edges = port_edges(np.array([0b0001, 0b0001, 0b0110, 0x8000], np.uint16), before=0)
    rows = list(zip(edges.row.tolist(), edges.bit.tolist(), edges.is_rising.tolist(), strict=True))
    assert rows == [
        (0, 0, True),
        (2, 0, False),
        (2, 1, True),
        (2, 2, True),
        (3, 1, False),
        (3, 2, False),
        (3, 15, True),
    ]


@given(st.lists(WORDS, max_size=20), WORDS)
def test_the_edges_rebuild_every_value(values: list[int], before: int) -> None:
    edges = port_edges(np.array(values, np.uint16), before)
    state = before
    for row, value in enumerate(values):
        for bit, rising in zip(edges.bit[edges.row == row], edges.is_rising[edges.row == row], strict=True):
            assert bool(state >> int(bit) & 1) != bool(rising)
            state ^= 1 << int(bit)
        assert state == value
