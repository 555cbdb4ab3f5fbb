"""The table of recorded planes of a study that shows none: it has its columns and can be written."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.tables import read_table
from closedloop.studies.files import write_both
from closedloop.studies.response_geometry.documents import RECORDED_PLANES
from closedloop.studies.response_geometry.recorded import no_planes


def test_without_planes_the_table_is_written_without_a_row(tmp_path: Path) -> None:
    write_both(tmp_path / "none.parquet", RECORDED_PLANES, no_planes(), simulated=False)
    found = read_table(tmp_path / "none.parquet", RECORDED_PLANES)
    assert list(found) == list(RECORDED_PLANES.columns)
    assert {len(column) for column in found.values()} == {0}
