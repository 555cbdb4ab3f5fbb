"""Responses out of the tables that `closedloop export responses` wrote, by the document beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.commands.exported_responses import ExportedResponsesDocument
from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.artifacts.tables import Columns, read_table
from closedloop.errors import DocumentError
from closedloop.exchange.reading.responses import FileResponses, SaidOfPresentations, assemble
from closedloop.exchange.responses.places import beside
from closedloop.exchange.responses.tables import KIND
from closedloop.plain_text.csv_tables import read_rows
from closedloop.storage import sha256_file

_TRUTH = {"true": True, "false": False}


def is_exported_table(path: Path) -> bool:
    """Return whether a table has our document beside it."""
    return path.suffix.lower() in (".csv", ".parquet") and beside(path).is_file()


def exported_responses(path: Path, *, categories: Mapping[str, str]) -> FileResponses:
    """Read a table of exported responses.

    Parameters
    ----------
    path
        CSV or parquet.
    categories
        Of images by name, where another file says them.

    Raises
    ------
    DocumentError
        Table or document are damaged, or do not belong together.
    """
    document = ExportedResponsesDocument.read(beside(path))
    known = {name: Column(one.type, one.unit, one.meaning) for name, one in document.columns.items()}
    layout = TableLayout(KIND, known | dict.fromkeys(document.sites, Column("float64", document.unit, "")))
    table = _read_csv(path, layout) if path.suffix.lower() == ".csv" else read_table(path, layout)
    window = document.study.window_ms
    seeds = {(one.day, one.session): one.reliability_seed for one in document.sessions}
    days, sessions = table["day"].tolist(), table["session"].tolist()
    if missing := set(zip(days, sessions, strict=True)) - seeds.keys():
        raise DocumentError(f"{path}: expected the sessions of {beside(path).name}, found others ({min(missing)}).")
    found = assemble(
        np.stack([table[name] for name in document.sites], axis=1) / (window[1] - window[0]) * 1000,
        table["stimulus_id"].tolist(),
        document.sites,
        SaidOfPresentations(
            kind=table["kind"],
            role=table["role"],
            category=table["category"],
            used=table["used"],
            day=np.array(days).astype(np.str_),
            session=np.array(sessions).astype(np.str_),
            number=table["image_index"].astype(np.int64),
            seed=np.array([seeds[key] for key in zip(days, sessions, strict=True)], dtype=np.int64),
        ),
        format=f"closedloop's export, {document.format}",
        unit="Hz",
        simulated=document.simulated,
        said={
            "images": "column stimulus_id",
            "window": f"{window[0]:g} to {window[1]:g} ms after the onset, half-open",
            "study": f"{document.study.subject}, protocol {document.study.protocol_name}",
        },
        categories=categories,
    )
    return replace(found, notices=tuple(_notices(path, document, set(zip(days, sessions, strict=True)))))


def _notices(path: Path, document: ExportedResponsesDocument, sessions: set[tuple[int, int]]) -> Iterator[str]:
    if sha256_file(path) not in document.files.values():
        yield (
            f"{path.name} is not as it was exported: {beside(path).name} has another hash of it. Numbers may differ "
            "from those that the study published."
        )
    left_out = (line for one in document.sessions if (one.day, one.session) in sessions for line in one.left_out)
    yield from (
        f"Left out by people, and counted here as in the study's own reliability: {line}"
        for line in dict.fromkeys(left_out)
    )


def _read_csv(path: Path, layout: TableLayout) -> Columns:
    """Read the columns of a layout by their names; an empty number is NaN."""
    header, *body = read_rows(path) or [(1, [])]
    names = list(header[1])
    if missing := [name for name in layout.columns if name not in names]:
        raise DocumentError(f"{path}: expected a column {missing[0]}, found none. Export the responses again.")
    for line, row in body:
        if len(row) != len(names):
            raise DocumentError(f"{path}, line {line}: expected {len(names)} values, found {len(row)}. Export again.")
    cells = {name: [row[place] for _, row in body] for place, name in enumerate(names)}
    try:
        return {name: _column(cells[name], column.dtype) for name, column in layout.columns.items()}
    except (ValueError, KeyError) as error:
        raise DocumentError(f"{path}: expected the values that were exported, found {error}. Export again.") from None


def _column(cells: list[str], dtype: str) -> NDArray[Any]:
    if dtype == "string":
        return np.array(cells, dtype=np.str_)
    if dtype == "bool":
        return np.array([_TRUTH[cell] for cell in cells], dtype=bool)
    return np.array([float(cell) if cell else np.nan for cell in cells]).astype(dtype)
