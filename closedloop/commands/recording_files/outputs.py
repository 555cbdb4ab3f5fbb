"""Where the recording commands write: the suffix says how, and a recorder's file is never replaced."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from closedloop.artifacts.layouts import TableLayout
from closedloop.artifacts.tables import csv_writer, table_writer
from closedloop.errors import OptionError, StorageError
from closedloop.storage.places import refuse_no_folder

_RECORDERS = re.compile(r"\.(nev|ns[1-9]|nf[1-9]|ccf|cmp|sif)", re.IGNORECASE)

TABLE_SUFFIXES = (".parquet", ".csv")
ARRAY_SUFFIXES = (".h5", ".hdf5")

TableWriter = AbstractContextManager[Callable[[Mapping[str, Any]], None]]


def check_output(out: Path, suffixes: Sequence[str] = (), *, option: str = "--out") -> None:
    """Refuse to write over a recorder's file, or under a suffix that says nothing.

    Parameters
    ----------
    out
        The file to write.
    suffixes
        Those that are known; any that is not a recorder's if empty.
    option
        What named it.

    Raises
    ------
    OptionError
        The name is not one to write to.
    StorageError
        It is a folder, or in none.
    """
    if _RECORDERS.fullmatch(out.suffix):
        raise OptionError(
            f"{option} {out}: expected a new file, found the name of a recorder's: these are never written to. "
            "Choose another name."
        )
    if suffixes and out.suffix.lower() not in suffixes:
        names = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}" if len(suffixes) > 1 else suffixes[0]
        raise OptionError(
            f"{option} {out}: expected a name that ends in {names}, found {out.suffix or 'no suffix'}. Correct it."
        )
    if out.is_dir():
        raise StorageError(f"{option} {out}: expected a file, found a folder. Name a file in it.")
    refuse_no_folder(out, option=option)


def open_table(out: Path, layout: TableLayout, *, simulated: bool, attributes: Mapping[str, str]) -> TableWriter:
    """Open a table for writing part by part: parquet or comma-separated text, by its suffix.

    Parameters
    ----------
    out
        The file; .csv is text, anything else parquet.
    layout
        Its kind.
    simulated
        The mark of simulated data.
    attributes
        More metadata, which text has no place for.
    """
    if out.suffix.lower() == ".csv":
        return csv_writer(out, layout, simulated=simulated)
    return table_writer(out, layout, simulated=simulated, attributes=attributes)
