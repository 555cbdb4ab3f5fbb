from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from closedloop.cli import app
from closedloop.errors import CheckpointError
from closedloop.models.backbones import build_classifier

torch.set_num_threads(1)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.save({"model": build_classifier("small_resnet", n_classes=6, seed=1).state_dict()}, tmp_path / "w.pt")
    return tmp_path / "w.pt"


def imported(checkpoint: Path, *more: str) -> str:
    out = checkpoint.with_name("ours.safetensors")
    result = CliRunner().invoke(app, ["base-model", "import", str(checkpoint), "--out", str(out), *more])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_a_person_reads_what_the_file_is_and_how_to_use_it(checkpoint: Path) -> None:
    text = imported(checkpoint)
    rows = [line.split() for line in text.splitlines()]
    assert ["architecture", "small_resnet,", "made", "for", "32", "px", "images"] in rows
    assert ["classes", "6"] in rows
    assert ["layer3.0", "64", "x", "4", "x", "4"] in rows
    assert text.splitlines()[-1].endswith(f"--base-model {checkpoint.with_name('ours.safetensors')}")


def test_a_machine_reads_the_same_as_json(checkpoint: Path) -> None:
    report = json.loads(imported(checkpoint, "--json"))
    assert (report["architecture"], report["n_classes"], report["accuracy"]) == ("small_resnet", 6, None)
    assert {"name": "avgpool", "feature_shape": [64, 1, 1]} in report["layers"]
    assert report["keys"]["unused"] == []
    assert Path(report["out"]).is_file()


def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_text("no weights")
    with pytest.raises(CheckpointError, match=r"found text\. Give a file of weights"):
        imported(tmp_path / "w.pt")
