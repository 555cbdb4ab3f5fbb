"""The shipped smoke protocol: one short day counted wholly from raw voltage."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.day.quality import IngestQuality
from tests.loop.studies import closedloop


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_smoke_day_is_counted_from_raw_voltage_that_agrees_with_the_nev(tmp_path: Path) -> None:
    finished = closedloop("dry-run", tmp_path / "study", "--protocol", "smoke")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    quality = IngestQuality.read(tmp_path / "study" / "day-00" / "ingest" / "quality.json")
    assert quality.spikes_from.startswith("raw voltage")
    assert len(quality.raw_agreement) == 16
    assert all(row.recall > 0.8 and row.precision > 0.8 for row in quality.raw_agreement), quality.raw_agreement
    assert quality.n_used == quality.n_presented
    assert abs(quality.clock_drift_ppm - 20.0) < 1.0
