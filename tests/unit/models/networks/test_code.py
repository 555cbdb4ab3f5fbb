"""Networks that are code: found, kept and run by the hash of their file, and by nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from closedloop.errors import CheckpointError, ProtocolError
from closedloop.models.checkpoints import load_site_model, open_network, save_site_model
from closedloop.models.networks.code import NetworkCode, find_code, kept_code, name_of_code
from closedloop.models.networks.description import FeatureLayout, NetworkDescription, Preprocessing
from closedloop.models.networks.factories import build_from_code
from closedloop.models.networks.opening import Filling
from closedloop.models.site_model import build_site_model, predict
from closedloop.storage import sha256_file

GREY = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
TEXT = """from torch import nn


def network(width=4):
    return nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), nn.Tanh())


def number():
    return 3


def failing():
    raise KeyError("nothing here")
"""
BLACK = np.zeros((2, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(TEXT)
    return tmp_path / "net.py"


def described(code: NetworkCode, **options: int) -> NetworkDescription:
    layout, given = FeatureLayout("nchw"), tuple(options.items())
    return NetworkDescription("module", "net.py:network", layout, GREY, given, code_sha256=code.sha256)


def test_a_file_is_found_beside_the_protocol_or_by_its_whole_path(file: Path) -> None:
    beside = find_code("net.py:network", beside=file.parent)
    assert beside == find_code(f"{file}:network", beside=Path("/")) == NetworkCode(file, sha256_file(file))
    assert name_of_code(f"{file}:network") == "net.py:network"
    with pytest.raises(ProtocolError, match=r"expected other\.py"):
        find_code("other.py:network", beside=file.parent)


def test_a_model_of_own_code_is_written_and_read_in_a_study(file: Path, tmp_path: Path) -> None:
    code = find_code("net.py:network", beside=file.parent)
    base = open_network(described(code, width=6), Filling(seed=2), layer="0", code=code)
    model = build_site_model(base, n_sites=2, side_px=32, seed=0)
    place = tmp_path / "study" / "day-00" / "refit" / "model.safetensors"
    save_site_model(place, model)
    with pytest.raises(CheckpointError, match="in the folder inputs of its study, found none"):
        load_site_model(place)  # not the file that lies beside the study
    (tmp_path / "study" / "inputs").mkdir()
    kept = tmp_path / "study" / "inputs" / "net.py"
    kept.write_text(TEXT)
    read = load_site_model(place)
    assert read.spec == model.spec
    assert (predict(read, BLACK) == predict(model, BLACK)).all()
    kept.write_text(TEXT.replace("Tanh", "ReLU"))
    with pytest.raises(CheckpointError, match="expected the code that was trusted"):
        load_site_model(place)


def test_a_file_of_weights_alone_runs_no_function_of_a_package(tmp_path: Path) -> None:
    """Whoever writes one could name any function of any package, with its arguments."""
    module = sys.modules["shutil"].__file__
    assert module is not None
    with pytest.raises(CheckpointError, match="in the folder inputs of its study, found none"):
        kept_code("shutil:rmtree", sha256=sha256_file(Path(module)), near=tmp_path / "model.safetensors")


def test_code_that_changes_between_hash_and_run_is_not_run(file: Path) -> None:
    code = find_code("net.py:network", beside=file.parent)
    file.write_text(f"{TEXT}\nopen({str(file.with_name('ran'))!r}, 'w').close()\n")
    with pytest.raises(CheckpointError, match="It is not run"):
        build_from_code("net.py:network", code, {})
    assert not file.with_name("ran").exists()


@pytest.mark.parametrize(
    ("function", "options", "said"),
    [
        ("nothing", {}, "expected a function nothing, found none"),
        ("number", {}, r"expected number to return a torch\.nn\.Module, found int"),
        ("failing", {}, "found that it fails .KeyError"),
        ("network", {"depth": 3}, "found that it fails .TypeError"),
    ],
)
def test_a_factory_that_makes_no_network_is_refused_in_a_line(
    file: Path, function: str, options: dict[str, int], said: str
) -> None:
    code = find_code(f"net.py:{function}", beside=file.parent)
    with pytest.raises(CheckpointError, match=said):
        build_from_code(f"net.py:{function}", code, options)


def test_an_exported_program_is_code_too(tmp_path: Path) -> None:
    program = tmp_path / "net.pt2"
    program.write_bytes(b"no program")
    code = find_code("net.pt2", beside=tmp_path)
    assert (code.path, name_of_code(f"{program}")) == (program, "net.pt2")
    with pytest.raises(CheckpointError, match="expected code that makes a network, found that it fails"):
        build_from_code("net.pt2", code, {})
    with pytest.raises(CheckpointError, match="expected no options"):
        build_from_code("net.pt2", code, {"width": 3})
    program.write_bytes(b"another")
    with pytest.raises(CheckpointError, match="It is not run"):
        build_from_code("net.pt2", code, {})


def test_a_factory_of_a_package_is_known_by_its_modules_file(tmp_path: Path) -> None:
    found = find_code("tests.unit.models.networks.test_code:network", beside=tmp_path)
    assert found.path == Path(__file__)
    with pytest.raises(ProtocolError, match="expected a module that can be imported"):
        find_code("nowhere.at_all:network", beside=tmp_path)
