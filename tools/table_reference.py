"""docs/columns.md: the columns of every table file and the datasets of every array file, read from their layouts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from closedloop.access.columns import DATA_FRAMES
from closedloop.artifacts.catalog import CATALOG
from closedloop.artifacts.files.kinds import ArrayFile, TableFile
from closedloop.artifacts.layouts import ArrayLayout, Column, TableLayout
from closedloop.artifacts.schemas import declared

_OPENING = """# Columns

What the DataFrames of [`Study`](api/study.md), the tables (parquet) and the array files (HDF5) of a study hold, with
types and units, from the layouts that write and check them. `data_schemas/` has the files for programs, and the JSON
documents besides. [Files of a study](files.md) says where each file lies.

z: in SDs of the site, after its own mean was taken off. sigma: in SDs of the site over the day's clean images. 224-px
L2: the L2 norm on 224 x 224 x 3 pixels in [0, 1].
"""
_BY_COMMANDS = {"spike_waveforms", "continuous_samples"}


def write_table_reference() -> str:
    """Return the text of docs/columns.md."""
    sections = [_OPENING]
    sections += [f"## Study.{name}\n\n{row}\n\n{_columns(columns)}" for name, (columns, row) in DATA_FRAMES.items()]
    for file in CATALOG:
        if isinstance(file, TableFile):
            sections.append(
                f"## {file.stage}/{file.name}\n\n{_sentence(file.holds)}\n\n{_columns(file.layout.columns)}"
            )
        elif isinstance(file, ArrayFile) and not (file.optional and file.layout.kind == "spikes"):
            sections.append(f"## {file.stage}/{file.name}\n\n{_sentence(file.holds)}\n\n{_arrays(file.layout)}")
    shown = {file.layout.kind for file in CATALOG if isinstance(file, TableFile)}
    for layout in sorted(declared(TableLayout), key=lambda layout: layout.kind):
        if layout.kind not in shown:
            sections.append(f"## {layout.kind}\n\nWritten by a command, without a study.\n\n{_columns(layout.columns)}")
            shown.add(layout.kind)
    arrays = {file.layout.kind for file in CATALOG if isinstance(file, ArrayFile)}
    for array in sorted(declared(ArrayLayout), key=lambda layout: layout.kind):
        if array.kind in _BY_COMMANDS - arrays:
            sections.append(f"## {array.kind}\n\nWritten by a command, without a study.\n\n{_arrays(array)}")
    return "\n".join(sections)


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _columns(columns: Mapping[str, Column]) -> str:
    return _rows("column", ((name, one.dtype, one.unit, one.meaning) for name, one in columns.items()))


def _arrays(layout: ArrayLayout) -> str:
    datasets = layout.datasets.items()
    return _rows("dataset", ((name, one.dtype, one.unit, " x ".join(one.dimensions)) for name, one in datasets))


def _rows(what: str, rows: Iterable[tuple[str, str, str, str]]) -> str:
    last = "meaning" if what == "column" else "axes"
    lines = [f"| {what} | type | unit | {last} |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {dtype} | {unit} | {text} |".replace("  ", " ") for name, dtype, unit, text in rows]
    return "\n".join(lines) + "\n"
