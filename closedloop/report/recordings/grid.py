"""Panels in a grid, one an electrode: as they lie on the array, where that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_COLUMNS = 12  # without a map


@dataclass(frozen=True)
class Grid:
    """Where each electrode's panel stands, column and row from the lower left, and what the grid is called."""

    name: str
    place: Mapping[int, tuple[int, int]]

    @property
    def n_columns(self) -> int:
        """From the left edge to the last panel."""
        return max((column for column, _ in self.place.values()), default=0) + 1

    @property
    def n_rows(self) -> int:
        """From the lower edge to the highest panel."""
        return max((row for _, row in self.place.values()), default=0) + 1


def in_rows(electrode_ids: Sequence[int]) -> Grid:
    """Place electrodes in order of their numbers, from the upper left, where no map says how they lie."""
    n_rows = -(-len(electrode_ids) // _COLUMNS)
    places = {
        electrode: (index % _COLUMNS, n_rows - 1 - index // _COLUMNS)
        for index, electrode in enumerate(sorted(electrode_ids))
    }
    return Grid("electrodes in order of their number", places)
