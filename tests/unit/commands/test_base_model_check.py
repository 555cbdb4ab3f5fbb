"""`closedloop base-model layers` and `check`, as a person and as a program read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from closedloop.cli import app
from closedloop.errors import ClosedLoopError, OptionError, ProtocolError

torch.set_num_threads(1)
NETWORK = """from torch import nn


def network():
    return nn.Sequential(nn.Conv2d(3, 6, 4, 4), nn.Tanh(), nn.Flatten(), nn.Linear(384, 2))
"""
SECTION = """source: module
factory: net.py:network
layer: "1"
weights: random
layout: {kind: nchw}
preprocessing: {mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], side_px: 32}
"""


@pytest.fixture
def section(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "network.yaml").write_text(SECTION)
    return tmp_path / "network.yaml"


def asked(*words: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["base-model", *map(str, words)])
    if isinstance(result.exception, ClosedLoopError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def test_layers_are_listed_with_shape_and_cost(section: Path) -> None:
    section.write_text(SECTION.replace('layer: "1"\n', ""))
    rows = [line.split() for line in asked("layers", section).splitlines()]
    assert ["0", "Conv2d", "6", "x", "8", "x", "8", "once", "96.0", "%"] in rows
    layers = json.loads(asked("layers", section, "--json"))
    assert [layer["name"] for layer in layers] == ["0", "1", "2", "3"]
    assert layers[2] == {"name": "2", "kind": "Flatten", "shape": [384], "n_calls": 1, "cost_share": 0.96}


def test_who_checks_code_is_told_that_it_is_run(section: Path) -> None:
    first, *others = asked("check", section).splitlines()
    assert first.startswith(f"{section.with_name('net.py')}: code that is trusted")
    assert {line.split()[0] for line in others} == {"PASS"}


def test_wrong_preprocessing_is_caught_by_reference_output(section: Path, tmp_path: Path) -> None:
    out = tmp_path / "reference.safetensors"
    assert asked("check", section, "--write", out).splitlines()[-1].endswith(f"--reference {out}")
    assert "PASS  reference output" in asked("check", section, "--reference", out)
    section.write_text(SECTION.replace("mean: [0.5, 0.5, 0.5]", "mean: [0.485, 0.456, 0.406]"))
    checks = json.loads(asked("check", section, "--reference", out, "--json", code=1))
    assert [check["name"] for check in checks if check["result"] == "FAIL"] == ["reference output"]


def test_nothing_is_written_of_a_network_that_fails(section: Path, tmp_path: Path) -> None:
    section.with_name("net.py").write_text(NETWORK.replace("nn.Tanh()", "nn.Hardshrink(1e6)"))
    said = asked("check", section, "--write", tmp_path / "reference.safetensors", code=1)
    assert "FAIL  gradients: 0 for an image" in said
    assert not (tmp_path / "reference.safetensors").exists()


def test_a_protocols_networks_are_those_of_its_members() -> None:
    names = [json.loads(asked("layers", "ahead", "--member", str(number), "--json"))[-2]["name"] for number in (0, 1)]
    assert names == ["avgpool", "avgpool"]
    with pytest.raises(OptionError, match="--member 9: expected 0 to "):
        asked("layers", "ahead", "--member", "9")


def test_a_section_that_states_no_side_asks_for_one(section: Path) -> None:
    section.write_text(SECTION.replace(", side_px: 32", ""))
    with pytest.raises(OptionError, match="--side: expected the side of the images"):
        asked("check", section)
    assert "PASS  layer" in asked("check", section, "--side", "32")


def test_a_file_that_states_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("base_model: 3\n")
    with pytest.raises(ProtocolError, match=r"base_model: .*expected keys with values"):
        asked("layers", tmp_path / "other.yaml")
