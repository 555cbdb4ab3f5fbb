"""The files that every study has, and how its tables are made and written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from closedloop.artifacts.layouts import TableLayout
from closedloop.artifacts.tables import Columns, write_table
from closedloop.storage import remove_file, write_bytes


@dataclass(frozen=True)
class ResultsFolder:
    """The folder of a study's results; each study adds its tables."""

    folder: Path

    @property
    def settings(self) -> Path:
        """What was asked."""
        return self.folder / "settings.json"

    @property
    def page(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"

    @property
    def shards(self) -> Path:
        """Folder of finished pieces of the work."""
        return self.folder / "shards"


def write_both(path: Path, layout: TableLayout, columns: Columns, *, simulated: bool) -> None:
    """Write a table as parquet and, beside it, as csv.

    Parameters
    ----------
    path
        The parquet file; the csv file has the same stem.
    layout
        Layout of the table.
    columns
        Its columns, all of one length.
    simulated
        Whether it tells of simulated animals.
    """
    write_table(path, layout, columns, simulated=simulated)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    write_bytes(path.with_suffix(".csv"), text.getvalue().encode())


def remove_both(path: Path) -> None:
    """Remove a table that an earlier run of other settings left, with its csv: it would lie beside what it is not of.

    Parameters
    ----------
    path
        The parquet file.
    """
    for name in (path, path.with_suffix(".csv")):
        remove_file(name)


def groups_of(columns: Columns, names: tuple[str, ...]) -> Iterator[Columns]:
    """Yield the rows that agree in some columns, in the order of their first.

    Parameters
    ----------
    columns
        Of a table, all of one length.
    names
        Of the columns.
    """
    keys = list(zip(*(columns[name].astype(str).tolist() for name in names), strict=True))
    rows: dict[tuple[str, ...], list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    for key in sorted(rows, key=lambda key: rows[key][0]):
        yield {name: column[rows[key]] for name, column in columns.items()}


def as_columns(rows: list[dict[str, Any]], layout: TableLayout) -> Columns:
    """Return rows as the columns of a table.

    Parameters
    ----------
    rows
        Values by column.
    layout
        The table's.
    """
    columns = {name: np.array([row[name] for row in rows]) for name in layout.columns}
    return {name: column.astype(object) if column.dtype.kind == "U" else column for name, column in columns.items()}
