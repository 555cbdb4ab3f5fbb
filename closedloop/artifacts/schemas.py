"""The JSON Schemas of all documents, in data_schemas/; `python -m closedloop.artifacts.schemas` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from closedloop.artifacts import attack_sets, days, journal, manifest, protocol, session, studies, study
from closedloop.artifacts.arrays import ArrayLayout
from closedloop.artifacts.tables import TableLayout

COMMAND = "python -m closedloop.artifacts.schemas"

_DOCUMENTS: dict[str, type[BaseModel]] = {
    "protocol": protocol.Protocol,
    "study": study.StudyDocument,
    "manifest": manifest.Manifest,
    "image_queue": days.ImageQueue,
    "day_plan": days.DayPlan,
    "session": session.SessionDocument,
    "pixel_audit": session.PixelAudit,
    "session_summary": journal.SessionSummary,
    "site_table": days.SiteTable,
    "ingest_quality": days.IngestQuality,
    "fit_report": days.FitReport,
    "evaluation": days.EvaluationReport,
    "unit_sensitivity_study": studies.UnitSensitivityStudy,
    "attack_set": attack_sets.AttackSetDocument,
}


def all_schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by file name: documents, journal rows, tables and array files."""
    schemas = {f"{name}.json": model.model_json_schema() for name, model in _DOCUMENTS.items()}
    schemas["journal_row.json"] = journal.ROW.json_schema()
    schemas |= {f"{layout.kind}.table.json": _table(layout) for layout in _layouts(TableLayout)}
    schemas |= {f"{layout.kind}.arrays.json": _arrays(layout) for layout in _layouts(ArrayLayout)}
    return dict(sorted(schemas.items()))


def _layouts(kind: type[Any]) -> list[Any]:
    from closedloop.artifacts import arrays, recording_tables, tables  # noqa: PLC0415 - here alone all are walked

    found = {
        id(value): value
        for module in (days, tables, arrays, recording_tables, attack_sets, studies)
        for value in vars(module).values()
        if isinstance(value, kind)
    }
    return list(found.values())


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
