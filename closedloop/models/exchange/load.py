"""Open a model of recorded sites that closedloop exported. Needs torch and safetensors; not closedloop.

A network of torchvision or timm needs that library as well. In a program::

    from load import load_model

    model = load_model("FOLDER")
    z = model(images)  # images in [0, 1], float (n, 3, side, side) -> predicted z-scored responses, (n, n_sites)

And by hand, to compare the model with the predictions that were written with it::

    python load.py

Every export has a copy of this file. Where a network is code of a laboratory's own, its file lies in the export and is
run: look at it first.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import io
import json
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import load as tensors_of
from torch import Tensor, nn

DESCRIPTION, REFERENCE = "model.json", "reference.safetensors"
CONTENT = "content_sha256"
"""Key of model.json's own hash in it; older exports have none."""
TOLERANCE = 1e-5
"""Largest difference from a reference prediction, in SD of a site's response; over the prediction where that is > 1."""

_BATCH = 20  # images at a time
_ROUNDING = 1e-3  # of a pixel outside of [0, 1]
_AGAIN = "Copy the export again."
_KINDS = (
    *("AdaptiveAvgPool2d", "BatchNorm2d", "Conv2d", "Flatten", "Identity", "LeakyReLU", "Linear", "MaxPool2d", "ReLU"),
    *("Sequential", "SiLU", "Unflatten"),
)
"""Modules of torch's that networks of closedloop consist of, besides `Residual`."""


class ExportedModel(nn.Module):
    """A model of recorded sites, of one member or of several, whose mean it answers with.

    Parameters
    ----------
    members
        Each maps images in [0, 1], (n, 3, side, side), to z-scored responses, (n, n_sites).
    side_px
        Side of the images that it was fitted to.
    """

    def __init__(self, members: Sequence[nn.Module], *, side_px: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.side_px = side_px
        self.looks_at_images = True
        """Whether what are no images in [0, 1] is refused; a program that is traced cannot look at values."""

    def forward(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], (n, 3, side, side), to predicted z-scored responses, (n, n_sites)."""
        return self.responses_of_members(images).mean(dim=0)

    def responses_of_members(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], (n, 3, side, side), to each member's, (n_members, n, n_sites).

        Raises
        ------
        ValueError
            They are no such images.
        """
        if self.looks_at_images:
            _refuse_other_images(images, self.side_px, next(self.parameters()).dtype)
        return torch.stack([member(images) for member in self.members])


class ModelMember(nn.Module):
    """Preprocessing, a network up to a layer, and a readout of its features.

    Parameters
    ----------
    described
        The member's part of model.json.
    network
        The network; of ours it ends at the layer.
    weights
        Of network and readout, by key.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, described: Mapping[str, Any], network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        pixels = described["preprocessing"]
        self.register_buffer("mean", torch.tensor(pixels["mean"]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(pixels["std"]).view(1, 3, 1, 1))
        self.is_blue_first, self.side_px = pixels["colours"] == "bgr", pixels["side_px"]
        self.layout, self.kind = described["layout"], described["readout"]
        self.layer = None if described["network"]["source"] == "own" else described["layer"]
        self.stops = True
        """Whether the pass ends at the layer; else what comes after it is computed, for nothing."""
        self.network = network
        self.weights = nn.ParameterDict(
            {key.removeprefix("readout."): nn.Parameter(value) for key, value in weights.items() if "readout." in key}
        )
        network.load_state_dict(
            {key.removeprefix("network."): value for key, value in weights.items() if key.startswith("network.")},
            assign=True,  # a network of ours has no memory of its own yet
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], (n, 3, side, side), to predicted z-scored responses, (n, n_sites)."""
        features, of = self.features(images), self.weights
        if self.kind == "factorised":  # a weight a channel times a weight a place
            mixed = torch.einsum("nchw,sc->nshw", features, of["channel"])
            read = (mixed * of["spatial"]).sum(dim=(2, 3))
        else:
            read = torch.stack([(features * site).flatten(1).sum(dim=1) for site in of["weight"]], dim=1)
        predicted: Tensor = of["gain"] * read + of["offset"]
        return predicted

    def features(self, images: Tensor) -> Tensor:
        """Map images in [0, 1] to what is read out, (n, n_channels, height, width)."""
        x = (images - self.mean) / self.std
        x = x[:, [2, 1, 0]] if self.is_blue_first else x
        if self.side_px is not None and x.shape[-1] != self.side_px:
            size = (self.side_px, self.side_px)
            x = nn.functional.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
        found = self.network(x) if self.layer is None else self._up_to(self.layer, x.contiguous())
        found = _as_map(found, self.layout, class_token=self.kind == "class_token").contiguous()
        return found.mean(dim=(2, 3), keepdim=True) if self.kind == "average" else found

    def _up_to(self, layer: str, x: Tensor) -> Tensor:
        outputs = list[Tensor]()

        def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            outputs.append(output if self.stops else output.clone())  # what comes after may write over it
            if self.stops:
                raise _LayerReachedError

        hook = self.network.get_submodule(layer).register_forward_hook(keep)
        try:
            self.network(x)
        except _LayerReachedError:
            pass
        finally:
            hook.remove()
        return outputs[0]


class Residual(nn.Module):
    """Convolutions with BatchNorm around a shortcut, by torchvision's names."""

    def __init__(self, children: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)
        self.numbers = sorted(int(name.removeprefix("conv")) for name in children if name.startswith("conv"))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, n_in, h, w) to (n, n_out, h / stride, w / stride)."""
        parts, y = dict(self.named_children()), x
        for number in self.numbers:
            y = parts[f"bn{number}"](parts[f"conv{number}"](y))
            y = torch.relu(y) if number != self.numbers[-1] else y
        return torch.relu(y + parts["downsample"](x))


class _LayerReachedError(BaseException):
    """The layer has been computed; no `Exception`, which a network may catch."""


def load_model(folder: str | Path) -> ExportedModel:
    """Open an export, in evaluation mode.

    Parameters
    ----------
    folder
        That holds model.json.

    Raises
    ------
    ValueError
        A file is another than when the model was exported.
    """
    place = Path(folder)
    return build_model(read_description(place), place)


def read_description(folder: Path) -> dict[str, Any]:
    """Return the content of a folder's model.json; refuse another than was exported, by ValueError."""
    described: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    if described.get(CONTENT) not in (None, content_hash(described)):
        raise ValueError(f"{folder / DESCRIPTION}: expected the file that was exported, found another. {_AGAIN}")
    return described


def content_hash(described: Mapping[str, Any]) -> str:
    """Return the sha256 of what model.json says, without that hash itself."""
    said = {name: value for name, value in described.items() if name != CONTENT}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def build_model(described: Mapping[str, Any], folder: Path) -> ExportedModel:
    """Build what model.json describes and fill it, in evaluation mode.

    Parameters
    ----------
    described
        Its content.
    folder
        Where its other files are.

    Raises
    ------
    ValueError
        A file is another than when the model was exported.
    """
    members = []
    for member in described["members"]:
        weights = tensors_of(_unchanged(folder / member["weights"], described["files"][member["weights"]]))
        with torch.random.fork_rng(devices=[]):
            network = build_network(member["network"], described["files"], folder)
        members.append(ModelMember(member, network, weights))
    return ExportedModel(members, side_px=described["side_px"]).eval().requires_grad_(False)


def build_network(described: Mapping[str, Any], files: Mapping[str, str], folder: Path) -> nn.Module:
    """Build the network of a member, with any weights.

    Parameters
    ----------
    described
        The member's ``network``.
    files
        sha256 of the export's files, by name.
    folder
        Where they are.
    """
    source, options = described["source"], described["options"]
    if source in ("torchvision", "timm"):
        _refuse_downloads(described["name"], options)
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    if source == "own":
        with torch.device("meta"):
            return _built(described["structure"])
    if source == "torchvision":
        import torchvision  # noqa: PLC0415 - where the network is of it alone

        named: nn.Module = torchvision.models.get_model(described["name"], weights=None, **options)
        return named
    if source == "timm":
        import timm  # noqa: PLC0415 - likewise

        created: nn.Module = timm.create_model(described["name"], pretrained=False, **options)
        return created
    return _from_code(described, files, folder, options)


def difference(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference of a prediction, in SD of the response, or over it where it is larger than 1."""
    return float(((found - expected).abs() / expected.abs().clamp(min=1)).max())


@torch.no_grad()
def predict(model: ExportedModel, images: Tensor) -> Tensor:
    """Return each member's predictions of images, uint8 (n, side, side, 3): (n_members, n, n_sites)."""
    batches: tuple[Tensor, ...] = torch.split(images, _BATCH)
    return torch.cat([model.responses_of_members(one.permute(0, 3, 1, 2).float() / 255) for one in batches], dim=1)


def compare(folder: str | Path) -> float:
    """Open an export and return how far its predictions are from those that were written with it."""
    place = Path(folder)
    described = read_description(place)
    reference = tensors_of(_unchanged(place / REFERENCE, described["files"][REFERENCE]))
    found = predict(build_model(described, place), reference["images"])
    return max(
        difference(found, reference["predictions_of_members"]), difference(found.mean(dim=0), reference["predictions"])
    )


def _refuse_other_images(images: Tensor, side_px: int, dtype: torch.dtype) -> None:
    """Refuse what would be answered with numbers that mean nothing: another side, pixels of 8 bits or scaled ones."""
    kind, wanted = (str(one).removeprefix("torch.") for one in (images.dtype, dtype))
    found = f"{' x '.join(map(str, images.shape))} of {kind}"
    if images.dtype is dtype and images.shape[1:] == (3, side_px, side_px):
        if not images.numel():
            return
        lowest, highest = (float(one) for one in torch.aminmax(images.detach()))
        if lowest >= -_ROUNDING and highest <= 1 + _ROUNDING:
            return
        found += f" from {lowest:.4g} to {highest:.4g}"
    raise ValueError(
        f"images: expected {wanted} in [0, 1], n x 3 x {side_px} x {side_px}, found {found}. Bring them to that side, "
        "divide pixels of 8 bits by 255, leave mean and SD to the model, and put colours before rows."
    )


def _as_map(features: Tensor, layout: Mapping[str, Any], *, class_token: bool) -> Tensor:
    kind = layout["kind"]
    if class_token:
        return features[:, 0, :, None, None]
    if kind == "nc":
        return features[:, :, None, None]
    if kind == "nhwc":
        return features.permute(0, 3, 1, 2)
    if kind == "ntokens":
        rows, columns = layout["grid"]
        of_image = features[:, layout["prefix_tokens"] :]
        return of_image.reshape(features.shape[0], rows, columns, features.shape[2]).permute(0, 3, 1, 2)
    return features


def _built(node: Mapping[str, Any]) -> nn.Module:
    """Build a module of ours from its description: a kind, its arguments and what is in it, by name."""
    children = OrderedDict((name, _built(child)) for name, child in node.get("children", ()))
    arguments = {name: tuple(one) if isinstance(one, list) else one for name, one in node.get("arguments", {}).items()}
    if node["kind"] == "Residual":
        return Residual(children)
    if node["kind"] not in _KINDS:
        raise ValueError(f"{node['kind']}: expected one of {', '.join(_KINDS)}. Open the export by its own load.py.")
    return nn.Sequential(children) if node["kind"] == "Sequential" else getattr(nn, node["kind"])(**arguments)


def _from_code(
    described: Mapping[str, Any], files: Mapping[str, str], folder: Path, options: Mapping[str, Any]
) -> nn.Module:
    place, _, function = described["name"].rpartition(":")
    name = described["code"]
    content = _unchanged(folder / name, files[name])
    if name.endswith(".pt2"):
        return torch.export.unflatten(torch.export.load(io.BytesIO(content)))
    if not place.endswith(".py"):
        found = importlib.util.find_spec(place)
        if found is None or found.origin is None:
            raise ValueError(f"expected the module {place}, whose copy is {folder / name}, found none. Install it.")
        _unchanged(Path(found.origin), files[name], remedy="Install the version that the model was exported with.")
        return getattr(importlib.import_module(place), function)(**options)  # type: ignore[no-any-return]
    module = ModuleType(f"exported_{files[name]}")
    sys.modules[module.__name__] = module  # classes of the file find their module by its name
    exec(compile(content, str(folder / name), "exec"), module.__dict__)  # the laboratory's own, by its hash
    return getattr(module, function)(**options)  # type: ignore[no-any-return]


def _refuse_downloads(name: str, options: Mapping[str, Any]) -> None:
    """Refuse what would ask a library to fetch or open weights of its own: those of the export are a file in it."""
    words = ("weight", "pretrained", "checkpoint", "cache", "hub")
    asked = [one for one in options if any(word in one for word in words)]
    if asked or not all(letter.isalnum() or letter in "_.-" for letter in name):
        raise ValueError(f"expected the name of an architecture and its options, found {(*asked, name)[0]!r:.80}.")


def _unchanged(path: Path, sha256: str, *, remedy: str = _AGAIN) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path}: expected the file that was exported, found another. {remedy}")
    return content


@contextmanager
def passing_through(model: ExportedModel) -> Iterator[None]:
    """Context in which networks are not stopped at their layer nor images looked at, as what traces them needs it."""
    members = [one for one in model.members if isinstance(one, ModelMember)]
    model.looks_at_images = False
    for member in members:
        member.stops = False
    try:
        yield
    finally:
        model.looks_at_images = True
        for member in members:
            member.stops = True


if __name__ == "__main__":
    apart = compare(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    sys.stdout.write(f"largest difference from the reference predictions: {apart:.2g} (at most {TOLERANCE:g})\n")
    sys.exit(0 if apart <= TOLERANCE else 1)
