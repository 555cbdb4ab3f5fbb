"""Foreign weights made a file of ours, with a report of what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from closedloop.errors import CheckpointError
from closedloop.models.accuracy import Accuracy, measure_accuracy
from closedloop.models.backbones import architecture_named, build_classifier, cut, layer_names, normalisation_of
from closedloop.models.checkpoints import save_classifier
from closedloop.models.recognition import HEAD, Match, compare, recognise
from closedloop.models.weight_files import list_keys, load_foreign_state_dict, load_into
from closedloop.storage import sha256_file

_PLAIN_IMAGE = 0.5  # grey: what a forward pass is checked with


@dataclass(frozen=True)
class Layer:
    """A layer one may cut at, and the shape of what comes out of it: channels, height, width."""

    name: str
    feature_shape: tuple[int, int, int]


@dataclass(frozen=True)
class ImportReport:
    """What was found in a foreign weight file.

    Parameters
    ----------
    source, sha256
        The file, and its hash.
    match
        Architecture, classes, keys read, unused and missing.
    side_px
        Side of the images that the architecture was made for.
    n_parameters
        Weights that were read, last layer included.
    layers
        Where it may be cut.
    accuracy
        On the labelled images, where they were given.
    """

    source: Path
    sha256: str
    match: Match
    side_px: int
    n_parameters: int
    layers: tuple[Layer, ...]
    accuracy: Accuracy | None


def import_base_model(
    source: Path, out: Path, *, architecture: str | None = None, labelled_images: Path | None = None
) -> ImportReport:
    """Read a foreign checkpoint, check it, and write it as a file that knows its architecture.

    Parameters
    ----------
    source
        State dict with torchvision's keys, or a checkpoint of the robustness library; ``.safetensors`` or torch's.
    out
        The safetensors file to write; the same weights always give the same bytes.
    architecture
        Recognised from keys and shapes where none is named.
    labelled_images
        Folder of class folders, to measure the accuracy on.

    Raises
    ------
    CheckpointError
        The file cannot be read, fits no architecture, misses weights, or gives features that are not finite.
    ImageError
        The labelled images cannot be used.
    ProtocolError
        The architecture that was named does not exist.
    StorageError
        `out` cannot be written.
    """
    _refuse_name(out)
    state = load_foreign_state_dict(source)
    match = compare(state, architecture) if architecture else recognise(state, source=source)
    _refuse_missing(match, source)
    classifier = _fill(match, state, source)
    report = ImportReport(
        source,
        sha256_file(source),
        match,
        side_px=architecture_named(match.architecture).side_px,
        n_parameters=sum(p.numel() for key, p in classifier.named_parameters() if key in match.read),
        layers=_checked_layers(classifier, match, source),
        accuracy=_accuracy(classifier, match, labelled_images, source),
    )
    _write(out, classifier, report)
    return report


def _fill(match: Match, state: Mapping[str, Tensor], source: Path) -> nn.Sequential:
    classifier = build_classifier(match.architecture, n_classes=match.n_classes or None).eval()
    part = classifier if match.n_classes else cut(classifier, "avgpool")
    load_into(part, {key: state[key] for key in match.read}, source=source)
    return classifier


@torch.no_grad()
def _checked_layers(classifier: nn.Sequential, match: Match, source: Path) -> tuple[Layer, ...]:
    """Run one grey image through every layer; what comes out must be finite."""
    side_px = architecture_named(match.architecture).side_px
    image = normalisation_of(match.architecture)(torch.full((1, 3, side_px, side_px), _PLAIN_IMAGE))
    layers = []
    for name in (name for name in layer_names(classifier) if match.n_classes or f"{name}." != HEAD):
        features = cut(classifier, name)(image)
        if not bool(torch.isfinite(features).all()):
            raise CheckpointError(
                f"{source}: its features at {name} of a grey image are not finite. Give weights of a trained network."
            )
        layers.append(Layer(name, tuple(features.shape[1:])))
    return tuple(layers)


def _accuracy(classifier: nn.Sequential, match: Match, folder: Path | None, source: Path) -> Accuracy | None:
    if folder is None:
        return None
    if not match.n_classes:
        raise CheckpointError(
            f"{source}: has no last layer (fc), so that it has no accuracy. Leave the labelled images out."
        )
    row = architecture_named(match.architecture)
    network = nn.Sequential(normalisation_of(match.architecture), classifier).eval()
    return measure_accuracy(network, folder, side_px=row.side_px, n_classes=match.n_classes)


def _write(out: Path, classifier: nn.Sequential, report: ImportReport) -> None:
    details = {"imported": {"file": report.source.name, "sha256": report.sha256}}
    kept = classifier if report.match.n_classes else cut(classifier, "avgpool")
    save_classifier(
        out, kept, architecture=report.match.architecture, n_classes=report.match.n_classes, details=details
    )


def _refuse_missing(match: Match, source: Path) -> None:
    if match.missing:
        raise CheckpointError(
            f"{source}: {len(match.missing)} weights of {match.architecture} missing or of another shape: "
            f"{list_keys(match.missing)}. Name the architecture that it was saved from, or none to have it recognised."
        )


def _refuse_name(out: Path) -> None:
    if out.suffix != ".safetensors":
        raise CheckpointError(
            f"{out}: expected a name that ends in .safetensors. Give one; it says how to read the file."
        )
