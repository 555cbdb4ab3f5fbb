"""What table and array files contain, as data: whoever asks only where a file lies does without what opens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of a table file.

    Attributes
    ----------
    dtype
        Arrow's name of the type: ``int32``, ``float64``, ``string``, ``bool`` ...; ``category`` is text of few values.
    unit
        Unit of the values, or "" where there is none.
    meaning
        What the column says, for docs/columns.md.
    since
        The version that first wrote it; older tables are read without it, its numbers NaN. Empty: all versions.
    may_miss
        Whether a row may be without a value; in all other columns a missing one is damage.
    """

    dtype: str
    unit: str
    meaning: str
    since: str = ""
    may_miss: bool = False


@dataclass(frozen=True)
class TableLayout:
    """What a table file of one kind contains."""

    kind: str
    columns: Mapping[str, Column]


@dataclass(frozen=True)
class Dataset:
    """One dataset of an array file.

    Attributes
    ----------
    dtype
        numpy's name of the type.
    dimensions
        Names of the axes.
    unit
        Unit of the values, or "".
    """

    dtype: str
    dimensions: tuple[str, ...]
    unit: str


@dataclass(frozen=True)
class ArrayLayout:
    """What an array file of one kind contains."""

    kind: str
    datasets: Mapping[str, Dataset]
