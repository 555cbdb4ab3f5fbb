"""`closedloop doctor`: each check returns a result, and one that fails returns its fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from closedloop.commands.doctor import MachineCheck, check_machine, checks_as_json, checks_lines
from closedloop.detection.loops.compiled import where_kept


def test_a_sound_machine_passes_whatever_can_be_tested_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    results = {check.name: check for check in check_machine()}
    for name in (
        "Python",
        "torch",
        "atomic rename",
        "HDF5",
        "Blackrock files",
        "detection",
        "shipped weights",
        "networks",
    ):
        assert results[name].result == "PASS", results[name]
    assert results["networks"].found.startswith("sources of networks: own, module")
    assert not list(tmp_path.iterdir())


def test_the_fix_stands_below_the_check_that_needs_it() -> None:
    checks = [MachineCheck("disk", "PASS", "9 GB"), MachineCheck("torch", "FAIL", "none", "install it")]
    assert checks_lines(checks) == ["PASS  disk: 9 GB", "FAIL  torch: none", "      fix: install it"]
    assert [check["fix"] for check in json.loads(checks_as_json(checks))] == ["", "install it"]


def test_a_folder_that_cannot_keep_machine_code_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert where_kept() is None
    (found,) = (check for check in check_machine() if check.name == "detection")
    assert found.result == "WARN"
    assert "NUMBA_CACHE_DIR" in found.fix
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "new" / "folder"))
    place = where_kept()
    assert place is not None
    assert place.parent == tmp_path / "new" / "folder"
    assert not (tmp_path / "new").exists()
