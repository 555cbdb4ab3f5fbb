"""Base models and site models by file or by name.

A base model is a classifier: one that ships with the package, one that ``closedloop base-model train`` made (both
safetensors with their recipe), or a foreign checkpoint with torchvision's keys. A site model is what a day hands on to
the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import torch
from torch import Tensor, nn

from closedloop.errors import CheckpointError
from closedloop.models.backbones import build_classifier, build_network, cut
from closedloop.models.ensemble import DayModel, SiteEnsemble
from closedloop.models.folding import keep_shapes
from closedloop.models.networks.code import NetworkCode, kept_code
from closedloop.models.networks.description import NetworkDescription, ReadoutKind, described_network
from closedloop.models.networks.opening import Filling, build_described, cut_described, open_whole
from closedloop.models.networks.trunk import CutNetwork
from closedloop.models.readout import build_readout
from closedloop.models.recognition import classes_that_fit, recognise
from closedloop.models.shipped import weights_file
from closedloop.models.site_model import BaseModel, SiteModel, SiteModelSpec, feature_shape, read_shape
from closedloop.models.weight_files import (
    load_foreign_state_dict,
    load_into,
    read_metadata,
    read_safetensors,
    write_weights,
)

SITE_MODEL, SITE_ENSEMBLE, CLASSIFIER = "site_model", "site_ensemble", "classifier"
CHANNEL, SPATIAL, WEIGHT = "readout.channel", "readout.spatial", "readout.weight"  # keys of a site model's state

Value = TypeVar("Value", str, int)

_REMEDY = "Restore the file, or give another one."


def save_site_model(path: Path, model: DayModel) -> None:
    """Write a site model, or an ensemble of them, as safetensors; the same weights give the same bytes.

    Parameters
    ----------
    path
        File to write.
    model
        One is written as a single site model; the members of several in one file, each under its number.

    Raises
    ------
    StorageError
        The disk is full or the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from closedloop.models import build_site_model, load_site_model, open_base_model, save_site_model
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> model = build_site_model(base, n_sites=5, side_px=32, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_site_model(Path(folder) / "model.safetensors", model)
    ...     load_site_model(Path(folder) / "model.safetensors").spec == model.spec
    True
    """
    if isinstance(model, SiteModel):
        write_weights(path, model.state_dict(), metadata={"kind": SITE_MODEL, **_plain_spec(model.spec)})
        return
    tensors = {
        f"{_prefix(number)}{key}": tensor
        for number, member in enumerate(model.members)
        for key, tensor in member.state_dict().items()
    }
    described = {"kind": SITE_ENSEMBLE, "members": [_plain_spec(member.spec) for member in model.members]}
    write_weights(path, tensors, metadata=described)


def load_site_model(path: Path) -> DayModel:
    """Read a site model, or an ensemble of them, in evaluation mode.

    Raises
    ------
    CheckpointError
        The file is missing, corrupt, no site model, or does not hold the weights that it describes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from closedloop.models import build_site_model, load_site_model, open_base_model, save_site_model
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> model = build_site_model(base, n_sites=5, side_px=32, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_site_model(Path(folder) / "model.safetensors", model)
    ...     load_site_model(Path(folder) / "model.safetensors").spec == model.spec
    True
    """
    metadata, state = read_metadata(path), read_safetensors(path)
    if metadata.get("kind") == SITE_ENSEMBLE:
        return _ensemble(path, metadata, state)
    if metadata.get("kind") != SITE_MODEL:
        raise CheckpointError(
            f"{path}: expected a site model, found other weights. Use the model.safetensors of a day."
        )
    return _site_model(path, _spec(path, metadata), state)


def is_site_model(metadata: Mapping[str, Any]) -> bool:
    """Return whether a file with this description holds a site model, or several as one."""
    return metadata.get("kind") in (SITE_MODEL, SITE_ENSEMBLE)


def specs_of(path: Path, metadata: Mapping[str, Any]) -> tuple[SiteModelSpec, ...]:
    """Return what a file of a site model says of itself, member by member.

    Parameters
    ----------
    path
        The file, for errors.
    metadata
        Of `read_metadata`.

    Raises
    ------
    CheckpointError
        It does not say what a site model does.
    """
    if metadata.get("kind") != SITE_ENSEMBLE:
        return (_spec(path, metadata),)
    members = metadata.get("members")
    if not isinstance(members, list) or not members or not all(isinstance(one, dict) for one in members):
        raise CheckpointError(f"{path}: its description: expected a list of members, found {members!r:.60}. {_REMEDY}")
    return tuple(_spec(path, one) for one in members)


def _ensemble(path: Path, metadata: Mapping[str, Any], state: Mapping[str, Tensor]) -> SiteEnsemble:
    specs = specs_of(path, metadata)
    parts = [_part(state, _prefix(number)) for number in range(len(specs))]
    if sum(map(len, parts)) != len(state):
        known = f"weights of {len(specs)} members"
        raise CheckpointError(f"{path}: expected {known} as its description says, found others too. {_REMEDY}")
    try:
        return SiteEnsemble(_site_model(path, spec, part) for spec, part in zip(specs, parts, strict=True)).eval()
    except ValueError as error:
        raise CheckpointError(f"{path}: expected members that go together, found others ({error}). {_REMEDY}") from None


def _prefix(number: int) -> str:
    return f"members.{number}."


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}


def _site_model(path: Path, spec: SiteModelSpec, state: Mapping[str, Tensor]) -> SiteModel:
    trunk = None if spec.network is None else _described_trunk(path, spec, spec.network)
    shape = read_shape(_feature_shape(path, spec, trunk), spec.readout)
    expected = {CHANNEL: (spec.n_sites, shape[0]), SPATIAL: (spec.n_sites, *shape[1:])}
    if spec.readout != "factorised":
        expected = {WEIGHT: (spec.n_sites, *shape)}
    _refuse_other_shapes(path, state, expected)  # before anything of the size is made that the description says
    own = cut(build_classifier(spec.architecture), spec.layer) if trunk is None else trunk
    readout = build_readout(spec.readout, n_sites=spec.n_sites, feature_shape=shape, seed=0)
    model = SiteModel(spec, trunk=own, readout=readout)
    load_into(model, state, source=path)
    return model.eval()


def _described_trunk(path: Path, spec: SiteModelSpec, network: NetworkDescription) -> CutNetwork:
    """Build a network from elsewhere again; its code is found by its hash, near the file."""
    code = None
    if network.source == "module":
        code = kept_code(network.name, sha256=network.code_sha256 or "", near=path)
    return cut_described(build_described(network, code=code), network, layer=spec.layer, readout=spec.readout)


def _feature_shape(path: Path, spec: SiteModelSpec, trunk: CutNetwork | None) -> tuple[int, int, int]:
    """Compute which features a described model has; of ours on the meta device, so that nothing is allocated."""
    try:
        if trunk is not None:
            return feature_shape(trunk, side_px=spec.side_px)
        with torch.device("meta"):
            own = cut(build_network(spec.architecture, n_classes=1), spec.layer)
            keep_shapes(own)
            return feature_shape(own, side_px=spec.side_px)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path}: expected images that {spec.architecture} takes, found {spec.side_px} px. Restore the file."
        ) from error


def _refuse_other_shapes(path: Path, state: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> None:
    for key, shape in expected.items():
        found = tuple(state[key].shape) if key in state else None
        if found != shape:
            raise CheckpointError(
                f"{path}: expected {key} of shape {shape} as its description says, found {found or 'none'}. "
                "Restore the file."
            )


def save_classifier(
    path: Path, classifier: nn.Sequential, *, architecture: str, n_classes: int, details: Mapping[str, Any]
) -> None:
    """Write a trained classifier as safetensors with its architecture and how it was trained.

    Parameters
    ----------
    path
        File to write.
    classifier
        Trained, of `architecture`.
    architecture
        A row of ``models.backbones.ARCHITECTURES``.
    n_classes
        Outputs of its last layer.
    details
        How it was trained; JSON-able.
    """
    described = {"kind": CLASSIFIER, "architecture": architecture, "n_classes": n_classes, **details}
    write_weights(path, classifier.state_dict(), metadata=described)


def open_base_model(source: str | Path, *, architecture: str | None = None, layer: str) -> BaseModel:
    """Open a base model, cut at a layer, in evaluation mode.

    Parameters
    ----------
    source
        Name of a shipped base model (``shipped_names``) or a weight file.
    architecture
        A file of ours knows its own, and a different one given here is refused. A foreign file is recognised by its
        keys and shapes where none is named.
    layer
        Where to cut; for instance ``"layer4.0"``.

    Raises
    ------
    CheckpointError
        The file cannot be used, or its architecture is another or unknown.
    ProtocolError
        The architecture or the layer does not exist.

    Examples
    --------
    >>> from closedloop.models import open_base_model
    >>> open_base_model("small_resnet_robust", layer="layer2.0").layer
    'layer2.0'
    """
    path = weights_file(source)
    own = read_metadata(path) if path.suffix == ".safetensors" else {}
    state = load_foreign_state_dict(path)
    name = (
        _agreed_architecture(path, _own_architecture(path, own), architecture)
        or recognise(state, source=path).architecture
    )
    classifier = build_classifier(name, n_classes=classes_that_fit(state, name) or None)
    trunk = cut(classifier, layer)
    load_into(trunk, state, source=path, known=classifier)
    return BaseModel(name, layer, trunk.eval())


def open_network(
    network: NetworkDescription,
    filling: Filling,
    *,
    layer: str,
    readout: ReadoutKind = "factorised",
    code: NetworkCode | None = None,
) -> BaseModel:
    r"""Open a network from elsewhere, cut at a layer, in evaluation mode.

    Parameters
    ----------
    network
        What it is.
    filling
        Its weights: a file, or random ones.
    layer
        Name of any module of it.
    readout
        What will read it out.
    code
        Its file, where it is code.

    Raises
    ------
    CheckpointError, ProtocolError
        It cannot be built or filled, or has no such layer.
    ModuleNotFoundError
        Its library is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from closedloop.models import FeatureLayout, Filling, NetworkDescription, Preprocessing, find_code, open_network
    >>> pixels = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    >>> text = "from torch import nn\ndef network(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh())"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = Path(folder, "net.py").write_text(text)
    ...     code = find_code("net.py:network", beside=Path(folder))
    ...     network = NetworkDescription(
    ...         "module", "net.py:network", FeatureLayout("nchw"), pixels, code_sha256=code.sha256
    ...     )
    ...     open_network(network, Filling(seed=1), layer="1", code=code).architecture
    'module/net.py:network'
    """
    whole = open_whole(network, filling, code=code)
    trunk = cut_described(whole, network, layer=layer, readout=readout)
    return BaseModel(network.label, layer, trunk, network, readout, code)


def load_classifier(source: str | Path) -> nn.Sequential:
    """Read a whole classifier of ours (shipped by name, or a file), in evaluation mode; takes normalised images."""
    path = weights_file(source)
    metadata = read_metadata(path)
    if metadata.get("kind") != CLASSIFIER:
        raise CheckpointError(f"{path}: expected a classifier written by closedloop. Train one, or use a shipped name.")
    architecture, n_classes = (
        _described(path, metadata, "architecture", str),
        _described(path, metadata, "n_classes", int),
    )
    state = read_safetensors(path)
    if classes_that_fit(state, architecture) != n_classes:
        raise CheckpointError(
            f"{path}: expected weights of {architecture} with {n_classes} classes as its description says, "
            f"found others. {_REMEDY}"
        )
    classifier = build_classifier(architecture, n_classes=n_classes)
    load_into(classifier, state, source=path)
    return classifier.eval()


def classifier_details(source: str | Path) -> dict[str, Any]:
    """Read how a classifier of ours was trained: architecture, recipe, seed, accuracies."""
    return read_metadata(weights_file(source))


def _own_architecture(path: Path, own: Mapping[str, Any]) -> str | None:
    return _described(path, own, "architecture", str) if "architecture" in own else None


def _agreed_architecture(path: Path, found: str | None, asked: str | None) -> str | None:
    if found is not None and asked is not None and found != asked:
        raise CheckpointError(
            f"{path}: expected architecture {asked}, found {found}. Name the file's own, or another file."
        )
    return found or asked


def _spec(path: Path, metadata: Mapping[str, Any]) -> SiteModelSpec:
    return SiteModelSpec(
        architecture=_described(path, metadata, "architecture", str),
        layer=_described(path, metadata, "layer", str),
        side_px=_described(path, metadata, "side_px", int),
        n_sites=_described(path, metadata, "n_sites", int),
        network=described_network(path, metadata["network"]) if "network" in metadata else None,
        readout=_readout_kind(path, metadata),
    )


def _readout_kind(path: Path, metadata: Mapping[str, Any]) -> ReadoutKind:
    kind, known = metadata.get("readout", "factorised"), get_args(ReadoutKind)
    if kind not in known:
        raise CheckpointError(
            f"{path}: its description: expected one of {', '.join(known)} as readout, found {kind!r:.60}. {_REMEDY}"
        )
    return cast("ReadoutKind", kind)


def _plain_spec(spec: SiteModelSpec) -> dict[str, Any]:
    """Return what a file says of a site model; of our networks and the paper's readout nothing more than ever."""
    plain = asdict(spec)
    if spec.network is None:
        del plain["network"]
    if spec.readout == "factorised":
        del plain["readout"]
    return plain


def _described(path: Path, metadata: Mapping[str, Any], name: str, kind: type[Value]) -> Value:
    """Return a value of a file's description, of its type; a number is positive."""
    value = metadata.get(name)
    if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and value < 1):
        wanted = {str: "a text", int: "a number of at least 1"}[kind]
        raise CheckpointError(f"{path}: its description: expected {wanted} as {name}, found {value!r:.60}. {_REMEDY}")
    return value
