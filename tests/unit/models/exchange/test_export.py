"""An exported model opens elsewhere, in a process that cannot import closedloop, with the same numbers."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from closedloop.commands.exchange.asked import check_export
from closedloop.commands.exchange.checked import check_exported
from closedloop.commands.exchange.exported import export_model
from closedloop.errors import CheckpointError, ClosedLoopError
from closedloop.models.backbones import ARCHITECTURES, build_classifier, cut, layer_names
from closedloop.models.checkpoints import open_base_model, open_network, save_site_model
from closedloop.models.ensemble import DayModel, SiteEnsemble
from closedloop.models.exchange import load
from closedloop.models.exchange.structure import describe_structure
from closedloop.models.networks.code import find_code
from closedloop.models.networks.description import FeatureLayout, NetworkDescription, Preprocessing
from closedloop.models.networks.opening import Filling
from closedloop.models.site_model import BaseModel, SiteModel, build_site_model, calibrate_readout
from closedloop.models.weight_files import write_weights
from tests.unit.models.networks.zoo_networks import CASES, needs_zoo
from tests.unit.study.labs import lab

torch.set_num_threads(1)

ELSEWHERE = """
import runpy, sys, types
sys.modules["closedloop"] = None  # importing it fails
try:
    import torchvision
except ModuleNotFoundError:
    pass
except RuntimeError:  # its operators are of another build of torch: networks need none
    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        del sys.modules[name]
    sys.modules["torchvision._meta_registrations"] = types.ModuleType("torchvision._meta_registrations")
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
PROGRAM = """
import sys
sys.modules["closedloop"] = None
import torch
from safetensors.torch import load_file
folder = sys.argv[1]
reference = load_file(folder + "/reference.safetensors")
program = torch.export.load(folder + "/model.pt2").module()
images = reference["images"].permute(0, 3, 1, 2).float() / 255
for n in (1, 7):
    print(float((program(images[:n]) - reference["predictions"][:n]).abs().max()))
"""
CODE = "from torch import nn\ndef network(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3))\n"


def of(base: BaseModel, *, side_px: int = 32, seed: int = 0) -> SiteModel:
    model = build_site_model(base, n_sites=3, side_px=side_px, seed=seed)
    photos = np.random.default_rng(seed).integers(0, 256, (20, side_px, side_px, 3), dtype=np.uint8)
    calibrate_readout(model, photos)
    return model


def exported(model: DayModel, place: Path, *, member: str = "whole", pt2: bool = False) -> Path:
    file = place / "inputs" / "model.safetensors"
    file.parent.mkdir(exist_ok=True)
    save_site_model(file, model)
    export_model(check_export(file, place / "out", day=None, member=member, pt2=pt2, licence=""))
    return place / "out"


def opened_elsewhere(folder: Path) -> str:
    """Run the export's own loader where closedloop cannot be imported; it compares with the reference predictions."""
    command = [sys.executable, "-c", ELSEWHERE, str(folder / "load.py"), str(folder)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def ensemble() -> SiteEnsemble:
    layers = {"small_resnet_robust": "layer3.0", "small_plain_robust": "layer3.0", "small_smooth_robust": "layer2.0"}
    bases = [open_base_model(name, layer=layer) for name, layer in layers.items()]
    return SiteEnsemble(of(base, seed=seed) for seed, base in enumerate(bases))


def test_an_ensemble_of_ours_opens_without_closedloop(tmp_path: Path) -> None:
    folder = exported(ensemble(), tmp_path)
    assert "largest difference" in opened_elsewhere(folder)
    assert len(json.loads((folder / "model.json").read_text())["members"]) == 3
    assert not list(tmp_path.glob(".out*"))


def test_a_member_alone_predicts_as_it_does_in_the_whole(tmp_path: Path) -> None:
    model = ensemble()
    folder = exported(model, tmp_path, member="1")
    reference = load.tensors_of((folder / "reference.safetensors").read_bytes())
    pixels = reference["images"].permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        alone = model.members[1](pixels)
    assert load.difference(reference["predictions"], alone) <= load.TOLERANCE


@pytest.mark.parametrize("architecture", ["small_resnet", "small_plain", "small_smooth", "resnet18", "resnet50_1by2"])
def test_each_of_our_architectures_is_built_by_torch_alone_at_each_layer(architecture: str) -> None:
    """What `structure` says is the same function as the network itself, whole numbers of the last bit included."""
    classifier = build_classifier(architecture, n_classes=5, seed=3).eval()
    side = ARCHITECTURES[architecture].side_px
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    for layer in layer_names(classifier):
        trunk = cut(classifier, layer).eval()
        built = load._built(describe_structure(trunk)).eval()
        built.load_state_dict(trunk.state_dict())
        with torch.no_grad():
            assert torch.equal(built(images), trunk(images)), layer


def test_structures_know_our_modules_alone() -> None:
    with pytest.raises(ValueError, match="Bilinear"):
        describe_structure(nn.Sequential(nn.Bilinear(1, 1, 1)))
    with pytest.raises(ValueError, match="expected one of"):
        load._built({"kind": "Bilinear", "arguments": {}})


def test_a_wide_network_with_torchvisions_names_keeps_them(tmp_path: Path) -> None:
    write_weights(tmp_path / "r.safetensors", build_classifier("resnet18").state_dict(), metadata={})
    base = open_base_model(tmp_path / "r.safetensors", architecture="resnet18", layer="layer1.0")
    folder = exported(of(base, side_px=64), tmp_path)
    keys = set(load.tensors_of((folder / "member-0.safetensors").read_bytes()))
    assert {"network.conv1.weight", "network.layer1.0.bn2.running_var", "readout.spatial"} <= keys
    opened_elsewhere(folder)


def test_a_network_that_is_code_travels_with_it_and_is_run_where_it_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "net.py").write_text(CODE)
    code = find_code("net.py:network", beside=tmp_path / "inputs")
    pixels = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.3, 0.4), side_px=24, colours="bgr")
    described = NetworkDescription("module", "net.py:network", FeatureLayout("nchw"), pixels, code_sha256=code.sha256)
    base = open_network(described, Filling(seed=2), layer="1", readout="average", code=code)
    folder = exported(of(base), tmp_path)
    opened_elsewhere(folder)
    with pytest.raises(CheckpointError, match="--trust-code"):
        check_exported(folder, trust_code=False)
    assert "largest difference" in check_exported(folder, trust_code=True)[0]
    (folder / "code" / "net.py").write_text(CODE.replace("ReLU", "Tanh"))
    with pytest.raises(ClosedLoopError, match="expected the file that was exported"):
        check_exported(folder, trust_code=True)
    with pytest.raises(ValueError, match="expected the file that was exported"):
        load.compare(folder)


def test_an_exported_program_holds_its_weights_and_takes_any_number_of_images(tmp_path: Path) -> None:
    folder = exported(ensemble(), tmp_path, member="2", pt2=True)
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert max(float(line) for line in finished.stdout.split()) <= load.TOLERANCE


@needs_zoo
@pytest.mark.parametrize(("name", "readout"), [("resnet18", "factorised"), ("vit", "class_token"), ("swin", "full")])
def test_networks_of_the_zoo_open_with_their_library_alone(name: str, readout: str, tmp_path: Path) -> None:
    network, layer = CASES[name]
    base = open_network(network, Filling(seed=1), layer=layer, readout=readout)  # type: ignore[arg-type]
    folder = exported(of(base), tmp_path)
    assert "largest difference" in check_exported(folder, trust_code=False)[0]
    if name == "vit":
        opened_elsewhere(folder)


def test_the_same_export_again_is_no_work_and_another_is_refused(tmp_path: Path) -> None:
    folder = exported(ensemble(), tmp_path, member="0")
    before = (folder / "model.json").stat().st_mtime_ns
    assert exported(ensemble(), tmp_path, member="0") == folder
    assert (folder / "model.json").stat().st_mtime_ns == before
    with pytest.raises(ClosedLoopError, match="expected no folder or an export of this model"):
        exported(ensemble(), tmp_path, member="1")
    (tmp_path / "other").mkdir()
    with pytest.raises(ClosedLoopError, match="expected no folder or one of this command"):
        check_export(
            tmp_path / "inputs/model.safetensors", tmp_path / "other", day=None, member="0", pt2=False, licence=""
        )


@pytest.mark.parametrize("name", ["member-0.safetensors", "reference.safetensors", "model.json", "load.py"])
def test_the_same_export_over_a_damaged_one_is_no_there_already(name: str, tmp_path: Path) -> None:
    folder = exported(ensemble(), tmp_path, member="0")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ClosedLoopError) as raised:
        exported(ensemble(), tmp_path, member="0")
    said = str(raised.value)
    assert name in said
    assert f"Move {folder} away and run the same command again" in said
    assert len(said.splitlines()) == 1
    if name != "model.json":
        (folder / name).unlink()
        with pytest.raises(ClosedLoopError, match=f"found {name} missing or damaged"):
            exported(ensemble(), tmp_path, member="0")


def test_what_are_no_images_in_0_to_1_is_refused(tmp_path: Path) -> None:
    model = load.load_model(exported(ensemble(), tmp_path, member="0"))
    pixels = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    images = pixels.float() / 255
    predicted = model(images)
    assert model(images[:0]).shape == (0, 3)
    assert torch.autograd.grad(model(images.requires_grad_()).sum(), images)[0].shape == images.shape
    normalised = (images.detach() - 0.45) / 0.22
    wrong = (
        pixels,
        pixels.float(),
        normalised,
        images * torch.nan,
        images[0],
        images.permute(0, 2, 3, 1),
        images > 0.5,
        images.double(),
        images[:, :, :16, :16],
        torch.nn.functional.interpolate(images, size=(64, 64)),
    )
    for other in wrong:
        with pytest.raises(ValueError, match=r"^images: expected float32 in \[0, 1\], n x 3 x 32 x 32, found"):
            model(other)
    assert torch.equal(model(images), predicted)


def test_a_network_of_arms_is_exported_by_its_name(tmp_path: Path) -> None:
    made = lab(tmp_path / "study", days=2)
    made.run()
    folder = made.paths.folder("refit", 0)
    options = {"day": 0, "member": "whole", "pt2": False, "licence": ""}
    with pytest.raises(ClosedLoopError, match=r"--arm beside: .* found none: the protocol has no networks"):
        check_export(made.paths.root, tmp_path / "out", arm="beside", **options)  # type: ignore[arg-type]
    save_site_model(folder / "model-beside.safetensors", ensemble())
    asked = check_export(made.paths.root, tmp_path / "out", arm="beside", **options)  # type: ignore[arg-type]
    assert (asked.file, asked.block) == (folder / "model-beside.safetensors", (0, 1))
    with pytest.raises(ClosedLoopError, match=r"--arm \.\./x: .* found only beside"):
        check_export(made.paths.root, tmp_path / "out", arm="../x", **options)  # type: ignore[arg-type]
    options["day"] = None  # type: ignore[assignment]
    with pytest.raises(ClosedLoopError, match="--arm: expected it of a study alone"):
        check_export(asked.file, tmp_path / "out", arm="beside", **options)  # type: ignore[arg-type]


def test_two_exports_of_a_model_have_the_same_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    first, second = exported(ensemble(), one), exported(ensemble(), other)
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {p.name: p.read_bytes() for p in second.iterdir()}


@pytest.mark.parametrize("member", ["3", "x", "-1"])
def test_a_member_that_the_model_lacks_is_refused_and_nothing_is_left(member: str, tmp_path: Path) -> None:
    with pytest.raises(ClosedLoopError, match="--member"):
        exported(ensemble(), tmp_path, member=member)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["member-0.safetensors", "reference.safetensors", "model.json", "load.py"])
def test_a_damaged_export_is_refused_in_a_line(name: str, tmp_path: Path) -> None:
    folder = exported(ensemble(), tmp_path, member="0")
    content = (folder / name).read_bytes()
    for damaged in (content[: len(content) // 2], content[:-1] + bytes([content[-1] ^ 1]), b""):
        (folder / name).write_bytes(damaged)
        with pytest.raises(ClosedLoopError) as raised:
            check_exported(folder, trust_code=False)
        assert len(str(raised.value).splitlines()) == 1


def test_an_export_whose_weights_were_changed_with_their_hash_is_known_by_its_predictions(tmp_path: Path) -> None:
    folder = exported(ensemble(), tmp_path, member="0")
    weights = load.tensors_of((folder / "member-0.safetensors").read_bytes())
    weights["readout.offset"] += 1e-3
    write_weights(folder / "member-0.safetensors", weights, metadata={})
    described = json.loads((folder / "model.json").read_text())
    from closedloop.storage import sha256_file

    described["files"]["member-0.safetensors"] = sha256_file(folder / "member-0.safetensors")
    described["content_sha256"] = load.content_hash(described)
    (folder / "model.json").write_text(json.dumps(described))
    with pytest.raises(CheckpointError, match=r"found a difference of 0\.001"):
        check_exported(folder, trust_code=False)


def test_a_description_that_was_changed_is_no_export(tmp_path: Path) -> None:
    folder = exported(ensemble(), tmp_path, member="0")
    described = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(described, indent=1))  # as it was, laid out otherwise
    load.load_model(folder)
    described["simulated"] = not described["simulated"]
    (folder / "model.json").write_text(json.dumps(described))
    with pytest.raises(ValueError, match=r"model\.json: expected the file that was exported"):
        load.load_model(folder)
    with pytest.raises(ClosedLoopError, match=r"model\.json: expected the file that was exported"):
        check_exported(folder, trust_code=False)
    with pytest.raises(ClosedLoopError, match=r"found model\.json missing or damaged"):
        exported(ensemble(), tmp_path, member="0")


def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    folder = exported(ensemble(), tmp_path, member="0")
    described = json.loads((folder / "model.json").read_text())
    described["files"]["../inputs/model.safetensors"] = "0" * 64
    (folder / "model.json").write_text(json.dumps(described))
    with pytest.raises(ClosedLoopError, match="expected names in the folder"):
        check_exported(folder, trust_code=False)


@pytest.mark.parametrize(
    ("source", "name", "options"),
    [
        ("timm", "hf-hub:somebody/network", {}),
        ("timm", "resnet18", {"checkpoint_path": "/etc/passwd"}),
        ("torchvision", "resnet18", {"weights_backbone": "IMAGENET1K_V1"}),
    ],
)
def test_no_library_is_asked_for_weights_of_its_own(source: str, name: str, options: dict[str, str]) -> None:
    described = {"source": source, "name": name, "options": options}
    with pytest.raises(ValueError, match="expected the name of an architecture and its options"):
        load.build_network(described, {}, Path())


def test_an_installed_module_is_run_where_it_is_the_one_that_travelled(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("harmless = 1\n")
    sha256 = hashlib.sha256((tmp_path / "code.py").read_bytes()).hexdigest()
    described = {"source": "module", "name": "subprocess:getoutput", "options": {"cmd": "true"}, "code": "code.py"}
    with pytest.raises(ValueError, match="Install the version that the model was exported with"):
        load.build_network(described, {"code.py": sha256}, tmp_path)
