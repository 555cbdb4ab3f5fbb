"""Weight files that are damaged, or made to harm: one line each, and never more memory than the file has bytes."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from closedloop.errors import CheckpointError
from closedloop.models.backbones import build_classifier
from closedloop.models.checkpoints import load_classifier, load_site_model, open_base_model, save_classifier
from closedloop.models.site_model import build_site_model
from closedloop.models.weight_files import METADATA_KEY, load_foreign_state_dict, read_metadata, read_safetensors
from tests.unit.messages import refused

torch.set_num_threads(1)
HUGE = 10**12


def state() -> dict[str, Tensor]:
    return build_classifier("small_resnet", n_classes=30, seed=5).state_dict()


def site_model_file(folder: Path, changes: dict[str, Any], *, tensors: dict[str, Tensor] | None = None) -> Path:
    base = open_base_model("small_resnet_vanilla", layer="layer2.0")
    model = build_site_model(base, n_sites=2, side_px=32, seed=0)
    spec = {"kind": "site_model", "architecture": "small_resnet", "layer": "layer2.0", "side_px": 32, "n_sites": 2}
    path = folder / "model.safetensors"
    described = {METADATA_KEY: json.dumps(spec | changes)}
    save_file({**model.state_dict(), **(tensors or {})}, path, metadata=described)
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_sites": HUGE}, f"readout.channel of shape ({HUGE}, "),
        ({"side_px": 64}, "readout.spatial of shape (2, 16, 16)"),
        ({"side_px": HUGE}, "expected"),
        ({"side_px": 2**62}, "expected images that small_resnet takes"),
        ({"n_sites": 0}, "a number of at least 1 as n_sites, found 0"),
        ({"n_sites": "2"}, "a number of at least 1 as n_sites, found '2'"),
        ({"n_sites": True}, "found True"),
        ({"n_sites": None}, "found None"),
        ({"side_px": 32.0}, "a number of at least 1 as side_px, found 32.0"),
        ({"layer": 5}, "a text as layer, found 5"),
        ({"architecture": ["small_resnet"]}, "a text as architecture, found ['small_resnet']"),
        ({"kind": {"a": 1}}, "expected a site model"),
    ],
)
def test_a_description_that_does_not_fit_the_weights_is_refused_before_anything_is_made_of_it(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = site_model_file(tmp_path, changes)
    with refused(CheckpointError, path, said):
        load_site_model(path)


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.bool, torch.float8_e4m3fn, torch.complex64], ids=str)
def test_weights_that_are_no_fractions_are_refused(tmp_path: Path, dtype: torch.dtype) -> None:
    path = site_model_file(tmp_path, {}, tensors={"readout.offset": torch.ones(2).to(dtype)})
    with refused(CheckpointError, path, "readout.offset", str(dtype)):
        load_site_model(path)


@pytest.mark.parametrize("length", [2**60, 2**64 - 1, 2**63, 5 << 20, 0, 1])
def test_a_header_of_any_length_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{" * 1000)
    for read in (read_metadata, read_safetensors, load_foreign_state_dict):
        with refused(CheckpointError, path, "truncated or corrupt weight file"):
            read(path)  # type: ignore[operator]


@pytest.mark.parametrize(
    "described",
    [
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [HUGE, HUGE], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F4", "shape": [16], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F8_E8M0", "shape": [8], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}},
        {
            "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            "b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        },
        {"__metadata__": {"a": [1]}},
        {"__metadata__": "a"},
        [1, 2],
        7,
    ],
    ids=str,
)
def test_a_header_that_describes_other_bytes_than_there_are_is_refused(tmp_path: Path, described: object) -> None:
    path, header = tmp_path / "weights.safetensors", json.dumps(described).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(CheckpointError) as caught:
        read_safetensors(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def tar_file(path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        for name in ("storages", "tensors", "pickle"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())


def old_format(path: Path) -> None:
    torch.save({"weight": torch.ones(4)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"K\x04", b"\x8a\x06" + HUGE.to_bytes(6, "little")))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: saved(path, {"a": torch.zeros(1).expand(10**6, 10**6)}), "found some of 4,000,000,000,000"),
        (lambda path: saved(path, {"a": torch.zeros(1000, 1000).to_sparse()}), "expected a as an array of numbers"),
        (lambda path: saved(path, {"a": torch.zeros(3, device="meta")}), "expected a as an array of numbers"),
        (lambda path: saved(path, {"a": torch.zeros(3, dtype=torch.complex64)}), "found torch.complex64"),
        (lambda path: saved(path, 7), "expected a state dict, found int"),
        (tar_file, "found bytes of no kind"),
        (old_format, "truncated or corrupt"),
        (lambda path: path.write_text("no weights"), "found text. Give a file of weights"),
        (lambda path: path.write_bytes(b""), "truncated or corrupt"),
        (lambda path: path.mkdir(), "no such weight file"),
        (os.mkfifo, "no such weight file"),
    ],
    ids=["expanded", "sparse", "meta", "complex", "number", "tar", "old", "text", "empty", "folder", "pipe"],
)
def test_a_file_of_torch_s_that_is_no_plain_state_dict_is_refused(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "weights.pt"
    make(path)
    with refused(CheckpointError, path, said):
        load_foreign_state_dict(path)


@pytest.mark.slow
def test_a_file_of_torch_s_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    """A megabyte of packed zeros: torch's own files are not packed, and read nevertheless."""
    sound, path = saved(tmp_path / "sound.pt", {"a": torch.zeros(1 << 28)}), tmp_path / "packed.pt"
    with zipfile.ZipFile(sound) as stored, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    assert path.stat().st_size < 10_000_000
    with refused(CheckpointError, path, "truncated or corrupt weight file ("):
        load_foreign_state_dict(path)


def test_half_precision_and_shared_tensors_are_read_as_they_are(tmp_path: Path) -> None:
    """The robustness library keeps the network twice; a scalar and an empty tensor stay what they are."""
    weight = torch.arange(6, dtype=torch.bfloat16).reshape(2, 3)
    content = {"model.a": weight, "attacker.model.a": weight, "b": torch.tensor(3), "c": torch.zeros(0, 2).half()}
    found = load_foreign_state_dict(saved(tmp_path / "weights.pt", content))
    assert set(found) == {"a", "b", "c"}
    assert torch.equal(found["a"], weight)
    assert torch.equal(found["b"], torch.tensor(3))
    assert (found["c"].shape, found["c"].dtype) == ((0, 2), torch.float16)


@pytest.mark.parametrize("head", [(HUGE, 0), (100_000, 1), (30, 64, 1), (30,)])
def test_a_last_layer_of_another_shape_makes_no_network_of_that_size(tmp_path: Path, head: tuple[int, ...]) -> None:
    odd = state() | {"fc.weight": torch.zeros(head)}
    path = saved(tmp_path / "weights.pt", odd)
    assert open_base_model(path, architecture="small_resnet", layer="layer2.0").layer == "layer2.0"
    with refused(CheckpointError, path, "fc.weight"):
        open_base_model(path, architecture="small_resnet", layer="fc")


@pytest.mark.parametrize("n_classes", [HUGE, 29, "30", None, 0])
def test_a_classifier_of_another_number_of_classes_than_it_says_is_refused(tmp_path: Path, n_classes: Any) -> None:
    path = tmp_path / "classifier.safetensors"
    network = build_classifier("small_resnet", n_classes=30, seed=5)
    save_classifier(path, network, architecture="small_resnet", n_classes=n_classes, details={})
    with refused(CheckpointError, path, "classes"):
        load_classifier(path)
