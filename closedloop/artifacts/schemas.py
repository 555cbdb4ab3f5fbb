"""The JSON Schemas of all documents, in data_schemas/; `python -m closedloop.artifacts.schemas` writes them."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from closedloop.artifacts.day import journal_rows
from closedloop.artifacts.discrimination import rows as answer_rows
from closedloop.artifacts.discrimination.rules import ExclusionRules
from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import ArrayLayout, TableLayout
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.rig.description import RigDocument
from closedloop.artifacts.rig.training import TrainingSettings

Layout = TypeVar("Layout", TableLayout, ArrayLayout)

COMMAND = "python -m closedloop.artifacts.schemas"

_STUDY_DOCUMENTS = "documents"  # a study keeps its documents in a module of this name, in its own folder


def all_schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by file name: documents, journal rows, tables and array files."""
    schemas = {"journal_row.json": journal_rows.ROW.json_schema()}
    schemas |= {"protocol.json": Protocol.model_json_schema(), "rig.json": RigDocument.model_json_schema()}
    schemas |= {"discrimination_row.json": answer_rows.ANSWER_ROW.json_schema()}
    schemas |= {"discrimination_rules.json": ExclusionRules.model_json_schema()}
    schemas |= {"training.json": TrainingSettings.model_json_schema()}
    schemas |= {f"{kind}.json": document.model_json_schema() for kind, document in _documents()}
    schemas |= {f"{layout.kind}.table.json": _table(layout) for layout in declared(TableLayout)}
    schemas |= {f"{layout.kind}.arrays.json": _arrays(layout) for layout in declared(ArrayLayout)}
    return dict(sorted(schemas.items()))


def declared(kind: type[Layout]) -> list[Layout]:
    """Return all layouts of one kind that any document module declares."""
    return [value for value in _values() if isinstance(value, kind)]


def _documents() -> Iterator[tuple[str, type[Document]]]:
    for value in _values():
        if inspect.isclass(value) and issubclass(value, Document) and "kind" in value.model_fields:
            yield value.model_fields["kind"].default, value


def _values() -> Iterator[Any]:
    for module in _modules():
        yield from vars(module).values()


def _modules() -> Iterator[ModuleType]:
    """Import every module of this room, and the documents of every study: a new study touches no other room."""
    rooms = [importlib.import_module("closedloop.artifacts"), importlib.import_module("closedloop.studies")]
    for room in rooms:
        for module in pkgutil.walk_packages(room.__path__, prefix=f"{room.__name__}."):
            if room is rooms[0] or module.name.endswith(f".{_STUDY_DOCUMENTS}"):
                yield importlib.import_module(module.name)


def _table(layout: TableLayout) -> dict[str, Any]:
    columns = {
        name: {"type": column.dtype, "unit": column.unit, "description": column.meaning}
        for name, column in layout.columns.items()
    }
    return {"title": layout.kind, "description": "columns of a parquet file", "columns": columns}


def _arrays(layout: ArrayLayout) -> dict[str, Any]:
    datasets = {
        name: {"type": dataset.dtype, "dimensions": list(dataset.dimensions), "unit": dataset.unit}
        for name, dataset in layout.datasets.items()
    }
    return {"title": layout.kind, "description": "datasets of an HDF5 file", "datasets": datasets}


def as_text(schema: dict[str, Any]) -> str:
    """Return a schema as it is committed."""
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def write_schemas(folder: Path) -> None:
    """Write all schemas and remove files that are none any more."""
    folder.mkdir(parents=True, exist_ok=True)
    schemas = all_schemas()
    for stale in set(folder.glob("*.json")) - {folder / name for name in schemas}:
        stale.unlink()
    for name, schema in schemas.items():
        (folder / name).write_text(as_text(schema))


if __name__ == "__main__":
    write_schemas(Path("data_schemas"))
