"""The recording as the page shows it: while it comes, once ingest has looked at it, and where something is damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import QUALITY
from closedloop.artifacts.day.quality import ClockRun, DeviceQuality, IngestQuality
from closedloop.artifacts.study import StudyPaths
from closedloop.service.panels import recording
from closedloop.service.web.render import StudyName, render_fragment, render_json
from tests.unit.study.completeness.brought import DAY, Bench, bench

PROTOCOL = Path(__file__).parents[4] / "protocols" / "guo2022.yaml"


@pytest.fixture
def made(tmp_path: Path) -> Bench:
    found = bench(tmp_path)
    found.study.write(found.paths.study)
    shutil.copy(PROTOCOL, found.paths.protocol)
    return found


def fragment(paths: StudyPaths) -> str:
    """Return what the page shows, and check that its numbers are JSON."""
    panel = recording.read(paths)
    json.loads(render_json(panel))
    return render_fragment(recording, panel, StudyName("study"))


def device(name: str, processor: int, **changes: object) -> DeviceQuality:
    fields = {
        **{"name": name, "processor": processor, "duration_s": 20.0, "n_epochs": 1, "n_stretches": 1},
        **{"n_electrodes": 2, "n_spikes": 100, "n_used": 50, "set_aside": {"no_onset": 3, "code_lost": 2}},
        **{"codes_received": 61, "codes_matched": 58, "codes_lost": 2, "codes_doubled": 3, "codes_changed": 1},
        **{"codes_unmatched": (), "light_from": name, "photodiode_lag_median_ms": 11.94},
        **{"photodiode_lag_iqr_ms": 0.31, "n_without_photodiode": 4, "repairs": ("cut off <b>",)},
        "clocks": (
            ClockRun(segment=0, epoch=0, n_codes=3, offset_s=0.0, drift_ppm=-99.0, residual_iqr_ms=9.0),
            ClockRun(segment=1, epoch=0, n_codes=55, offset_s=0.0, drift_ppm=20.3, residual_iqr_ms=0.107),
        ),
    }
    return DeviceQuality.model_validate(fields | changes)


def quality(*devices: DeviceQuality) -> IngestQuality:
    return IngestQuality.model_validate(
        {
            **{"simulated": False, "day": DAY, "session_id": "s", "files": {}, "spikes_from": "nev", "n_spikes": 1},
            **{"duration_s": 20.0, "n_presented": 55, "n_rejected": 7, "n_used": 48, "codes_sent": 60},
            **{"set_aside": {f"reason_{n}": n for n in range(1, 11)}, "codes_received": 61, "codes_matched": 58},
            **{"codes_lost": 2, "codes_doubled": 3, "codes_changed": 1, "codes_unmatched": (), "clock_offset_s": 0.1},
            **{"clock_drift_ppm": 20.3, "clock_residual_iqr_ms": 0.107, "photodiode_lag_median_ms": 11.94},
            **{"photodiode_lag_iqr_ms": 0.31, "n_without_photodiode": 4, "twin_separation_median_min": None},
            **{"twin_separation_min_min": None, "raw_agreement": (), "reliability_median": None, "devices": devices},
        }
    )


def put(made: Bench, found: IngestQuality) -> Path:
    place = QUALITY.published(made.paths, DAY)
    place.parent.mkdir()
    found.write(place)
    return place


def test_a_study_without_a_session_has_no_recording(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path / "nothing")
    assert recording.read(paths) == recording.RecordingPanel()
    assert "No session is ready yet" in fragment(paths)


def test_codes_so_far_stand_beside_what_the_journal_sent(made: Bench) -> None:
    made.copy("array1.nev", "array1.ns6")
    found = recording.read(made.paths)
    assert found.arrived is not None
    (codes,) = found.arrived.codes
    assert codes.n_codes == found.codes_sent > 0
    assert codes.lacks_s == pytest.approx(0, abs=0.5)
    assert found.arrived.awaited.startswith("The recording of array2 is not there")
    assert "The recording of array2 is not there" in fragment(made.paths)


def test_a_file_s_name_is_text(made: Bench) -> None:
    made.copy()
    (made.folder / "<script>.txt").write_bytes(b"1")
    assert "<script>" not in fragment(made.paths)
    assert "&lt;script&gt;.txt" in fragment(made.paths)


def test_what_ingest_found_stands_for_each_array(made: Bench) -> None:
    put(made, quality(device("array1", 1), device("array2", 2, codes_lost=0, clocks=(), photodiode_lag_iqr_ms=None)))
    found = recording.read(made.paths).ingested
    assert found is not None
    first, second = found.arrays
    assert (first.codes_matched, first.codes_lost, first.codes_doubled) == (58, 2, 3)
    assert (first.drift_ppm, first.residual_iqr_ms, first.n_clock_runs) == (20.3, 0.107, 2)
    assert (second.codes_lost, second.drift_ppm) == (0, None)
    assert [(one.reason, one.n) for one in found.set_aside[:2]] == [("reason 10", 10), ("reason 9", 9)]
    assert sum(one.n for one in found.set_aside) == sum(range(1, 11))
    text = fragment(made.paths)
    assert "+20.3 ppm" in text
    assert "no run was placed" in text
    assert "cut off &lt;b&gt;" in text


def test_a_report_of_version_0_1_has_one_array(made: Bench) -> None:
    put(made, quality())
    found = recording.read(made.paths).ingested
    assert found is not None
    assert [(one.name, one.codes_matched, one.latency_median_ms) for one in found.arrays] == [("array1", 58, 11.94)]
    assert fragment(made.paths)


@pytest.mark.parametrize("damaged", ["quality.json", "study.json", "protocol.yaml"])
def test_what_is_damaged_is_said_and_the_rest_is_shown(made: Bench, damaged: str) -> None:
    place = put(made, quality(device("array1", 1)))
    (place if damaged == "quality.json" else made.paths.root / damaged).write_bytes(b"\x00")
    found = recording.read(made.paths)
    assert damaged in found.damaged[0]
    assert (found.ingested is None) == (damaged == "quality.json")
    assert (found.arrived is None) == (damaged != "quality.json")
    assert fragment(made.paths)
