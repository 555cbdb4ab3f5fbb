"""Base models and site models by file or by name.

A base model is a classifier: one that ships with the package, one that ``closedloop base-model train`` made (both
safetensors with their recipe), or a foreign checkpoint with torchvision's keys. A site model is what a day hands on to
the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from closedloop.errors import CheckpointError
from closedloop.models.backbones import build_classifier, cut
from closedloop.models.recognition import classes_of, recognise
from closedloop.models.shipped import weights_file
from closedloop.models.site_model import BaseModel, SiteModel, SiteModelSpec, build_site_model
from closedloop.models.weight_files import (
    load_foreign_state_dict,
    load_into,
    read_metadata,
    read_safetensors,
    write_weights,
)

SITE_MODEL, CLASSIFIER = "site_model", "classifier"


def save_site_model(path: Path, model: SiteModel) -> None:
    """Write a site model as safetensors; the same weights give the same bytes.

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
    write_weights(path, model.state_dict(), metadata={"kind": SITE_MODEL, **asdict(model.spec)})


def load_site_model(path: Path) -> SiteModel:
    """Read a site model, in evaluation mode.

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
    metadata = read_metadata(path)
    spec = _spec(path, metadata)
    classifier = build_classifier(spec.architecture)
    base = BaseModel(spec.architecture, spec.layer, cut(classifier, spec.layer))
    model = build_site_model(base, n_sites=spec.n_sites, side_px=spec.side_px, seed=0)
    load_into(model, read_safetensors(path), source=path)
    return model.eval()


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
        _agreed_architecture(path, own.get("architecture"), architecture) or recognise(state, source=path).architecture
    )
    classifier = build_classifier(name, n_classes=classes_of(state) or None)
    trunk = cut(classifier, layer)
    load_into(trunk, state, source=path, known=classifier)
    return BaseModel(name, layer, trunk.eval())


def load_classifier(source: str | Path) -> nn.Sequential:
    """Read a whole classifier of ours (shipped by name, or a file), in evaluation mode; takes normalised images."""
    path = weights_file(source)
    metadata = read_metadata(path)
    if metadata.get("kind") != CLASSIFIER:
        raise CheckpointError(f"{path}: expected a classifier written by closedloop. Train one, or use a shipped name.")
    classifier = build_classifier(metadata["architecture"], n_classes=metadata["n_classes"])
    load_into(classifier, read_safetensors(path), source=path)
    return classifier.eval()


def classifier_details(source: str | Path) -> dict[str, Any]:
    """Read how a classifier of ours was trained: architecture, recipe, seed, accuracies."""
    return read_metadata(weights_file(source))


def _agreed_architecture(path: Path, found: str | None, asked: str | None) -> str | None:
    if found is not None and asked is not None and found != asked:
        raise CheckpointError(
            f"{path}: expected architecture {asked}, found {found}. Name the file's own, or another file."
        )
    return found or asked


def _spec(path: Path, metadata: Mapping[str, Any]) -> SiteModelSpec:
    if metadata.get("kind") != SITE_MODEL:
        raise CheckpointError(
            f"{path}: expected a site model, found other weights. Use the model.safetensors of a day."
        )
    return SiteModelSpec(
        architecture=metadata["architecture"],
        layer=metadata["layer"],
        side_px=metadata["side_px"],
        n_sites=metadata["n_sites"],
    )
