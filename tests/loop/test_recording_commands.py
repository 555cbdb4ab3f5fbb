"""`closedloop recording` on the two real files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.loop.studies import closedloop, one_line_error

DATA = Path(__file__).parents[1] / "data" / "blackrock"


def info(name: str) -> dict[str, object]:
    finished = closedloop("recording", "info", DATA / name, "--json")
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    assert isinstance(found, dict)
    return found


def test_a_real_file_of_specification_2_3() -> None:
    found = info("Test_anonymized.ns3")
    assert found["specification"] == "2.3"
    assert found["rate_hz"] == 2000
    assert len(found["channels"]) == 5
    assert found["channels"][0]["scale"] == pytest.approx(0.25, rel=1e-3)
    assert [(block["t0_tick"], block["n_samples"]) for block in found["blocks"]] == [(114000, 100)]
    assert found["blocks"][0]["t0_s"] == pytest.approx(3.8)


def test_a_real_file_of_specification_3_0() -> None:
    found = info("test_BRSMPGRP_raw.ns3")
    assert found["specification"] == "3.0"
    assert len(found["channels"]) == 128
    assert [(block["t0_tick"], block["n_samples"]) for block in found["blocks"]] == [(0, 100), (2250, 150)]
    assert found["channels"][0]["scale"] == pytest.approx(5000 / 8192, rel=1e-3)


def test_people_get_lines() -> None:
    finished = closedloop("recording", "info", DATA / "test_BRSMPGRP_raw.ns3")
    assert "128 electrodes, 0 elec0 to 127 elec127: 0.610352 mV a bit" in finished.stdout
    assert "100 samples x 128 channels" in finished.stdout


def test_a_file_that_is_no_recording_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "noise.ns6"
    path.write_bytes(np.random.default_rng(0).bytes(1000))
    assert str(path) in one_line_error(closedloop("recording", "info", path))
    assert "missing.nev" in one_line_error(closedloop("recording", "info", tmp_path / "missing.nev"))
