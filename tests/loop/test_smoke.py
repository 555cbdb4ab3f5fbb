"""The shipped smoke protocol: one short day counted wholly from raw voltage."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.day.quality import IngestQuality


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_smoke_day_is_counted_from_raw_voltage_that_agrees_with_the_nev(smoke_study: Path) -> None:
    quality = IngestQuality.read(smoke_study / "day-00" / "ingest" / "quality.json")
    assert quality.spikes_from.startswith("raw voltage")
    assert len(quality.raw_agreement) == 16
    assert all(row.recall > 0.8 and row.precision > 0.8 for row in quality.raw_agreement), quality.raw_agreement
    assert quality.n_used == quality.n_presented
    assert abs(quality.clock_drift_ppm - 20.0) < 1.0
