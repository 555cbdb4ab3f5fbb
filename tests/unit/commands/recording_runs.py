"""Runs a command under `closedloop recording` as a person does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from typer.testing import CliRunner

from closedloop.cli import app


def run(*arguments: object) -> str:
    """Return what is printed."""
    result = CliRunner().invoke(app, ["recording", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def rows_of(table: Path) -> list[dict[str, Any]]:
    """Return the rows of a parquet table."""
    with pq.ParquetFile(table) as file:
        rows: list[dict[str, Any]] = file.read().to_pylist()
    return rows
