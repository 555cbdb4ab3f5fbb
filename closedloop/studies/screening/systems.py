"""What is compared with IT: layers of trained networks, of one with random weights, and the pixels themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from closedloop.artifacts.protocol.images import RANDOM
from closedloop.attacks.synthesis.sources import check_unchanged
from closedloop.errors import ProtocolError
from closedloop.models.backbones import architecture_named, build_classifier, cut, layer_names, normalisation_of
from closedloop.models.checkpoints import open_base_model
from closedloop.models.inspection.all_checks import layers_of_described
from closedloop.models.inspection.blocks import block_layers
from closedloop.models.shipped import weights_file
from closedloop.models.site_model import UnitModel, freeze_for_attack, images_to_tensor
from closedloop.models.weight_headers import read_weight_header
from closedloop.stages.from_protocol.networks import described, open_choice
from closedloop.stages.from_protocol.stated import StatedLayers
from closedloop.storage import resolved, sha256_file
from closedloop.studies.screening.asked import PIXELS, UNTRAINED, ScreenedNetwork

_BATCH = 50


@dataclass(frozen=True)
class LayerSource:
    """A layer by where it is. It goes to other processes, so it is small and can be pickled.

    Attributes
    ----------
    kind
        Trained weights of a file, random ones, or none at all.
    path, sha256
        The weight file; None and "" where there is none.
    architecture, layer, side_px
        What is cut where, and the side of the images that it was made for; of the pixels: the images' own.
    seed
        Of random weights.
    stated
        The network, where it is from elsewhere; its own file says all of it.
    """

    kind: Literal["trained", "untrained", "pixels"]
    path: Path | None
    sha256: str
    architecture: str
    layer: str
    side_px: int
    seed: int = 0
    stated: StatedLayers | None = None

    @property
    def identity(self) -> str:
        """Everything that decides its features, wherever its file lies."""
        if self.stated is not None:
            return repr((self.kind, self.stated.identity, self.side_px))
        return repr((self.kind, self.sha256, self.architecture, self.layer, self.side_px, self.seed))

    def load(self, device: torch.device) -> nn.Module:
        """Return the layer, ready for attacks: images (n, 3, side, side) in [0, 1] to features (n, n_features).

        Raises
        ------
        CheckpointError
            The file is missing, unusable, or no longer the one that was named.
        """
        return _load(self, device)


@dataclass(frozen=True)
class Cell:
    """A field of the heat maps.

    Attributes
    ----------
    network
        Its name in tables and figures.
    training_epsilon
        Size of the attacks that it was trained against; None where its file does not say, or it was not trained.
    layer
        Its layer; "pixels" where there is no network.
    source
        Where its features come from.
    """

    network: str
    training_epsilon: float | None
    layer: str
    source: LayerSource

    @property
    def name(self) -> str:
        """Network and layer."""
        return self.network if self.source.kind == "pixels" else f"{self.network} {self.layer}"


def cells_of(networks: Sequence[ScreenedNetwork], *, side_px: int, seed: int) -> tuple[Cell, ...]:
    """Open networks and list their layers, then those of a random network of each architecture, then the pixels.

    Parameters
    ----------
    networks
        As named; in the order of the figure.
    side_px
        Of the images.
    seed
        Of the random weights.

    Raises
    ------
    CheckpointError, ProtocolError
        A network cannot be used, or has no such layer.
    """
    of_networks = [list(_trained(network)) for network in networks if network.stated is None]
    trained = [cell for cells in of_networks for cell in cells]
    elsewhere = [
        cell for one in networks if one.stated is not None for cell in _stated(one, one.stated, side_px=side_px)
    ]
    layers: dict[str, tuple[str, ...]] = {}
    for cell in trained:
        known = layers.get(cell.source.architecture, ())
        layers[cell.source.architecture] = (*known, *([] if cell.layer in known else [cell.layer]))
    random = [
        _untrained(architecture, layer, alone=len(layers) == 1, seed=seed)
        for architecture, own in layers.items()
        for layer in own
    ]
    pixels = LayerSource("pixels", None, "", "", PIXELS, side_px)
    return (
        *trained,
        *(one for one in elsewhere if one.source.kind == "trained"),
        *random,
        *(one for one in elsewhere if one.source.kind == "untrained"),
        Cell(PIXELS, None, PIXELS, pixels),
    )


@torch.no_grad()
def features_of(source: LayerSource, images: NDArray[np.uint8], *, device: torch.device) -> NDArray[np.float32]:
    """Return a layer's features of images, (n_images, n_features).

    Parameters
    ----------
    source
        The layer.
    images
        uint8, (n_images, side, side, 3).
    device
        Where to compute.
    """
    model = source.load(device)
    parts = [
        model(images_to_tensor(_filled(images[start : start + _BATCH]), device=device))[: len(images) - start]
        for start in range(0, len(images), _BATCH)
    ]
    return np.asarray(torch.cat(parts).float().cpu().numpy())


class LayerFeatures(nn.Module):
    """A cut network whose features are one row an image; images of another side are brought to its own first."""

    def __init__(self, trunk: nn.Module, *, architecture: str, side_px: int) -> None:
        super().__init__()
        self.normalisation = normalisation_of(architecture)
        self.trunk = trunk
        self.side_px = side_px

    def forward(self, images: Tensor) -> Tensor:
        """Return features, (n, n_features), of images in [0, 1], (n, 3, side, side)."""
        features: Tensor = self.trunk(self.normalisation(_resized(images, self.side_px)))
        return features.flatten(1)


def _trained(network: ScreenedNetwork) -> Iterable[Cell]:
    path = weights_file(network.source)
    header = read_weight_header(path)
    layers = network.layers or (header.layers if header else ())
    opened = open_base_model(network.source, architecture=network.architecture, layer=layers[0] if layers else "fc")
    layers = layers or layer_names(build_classifier(opened.architecture))
    side_px, sha256 = architecture_named(opened.architecture).side_px, sha256_file(path)
    for layer in layers:
        open_base_model(network.source, architecture=network.architecture, layer=layer)  # says what is wrong, now
        source = LayerSource("trained", resolved(path), sha256, opened.architecture, layer, side_px)
        yield Cell(network.name, network.training_epsilon, layer, source)


def _stated(network: ScreenedNetwork, stated: StatedLayers, *, side_px: int) -> Iterable[Cell]:
    """Yield the layers of a network from elsewhere, and the same with random weights; it says now what is wrong."""
    choice = stated.choice
    what, side = described(choice, stated.code), choice.preprocessing.side_px if choice.preprocessing else None
    found = block_layers(layers_of_described(what, code=stated.code, side_px=side or side_px), what.layout)
    layers = network.layers or ((choice.layer,) if choice.layer else ()) or found
    if not layers:
        raise ProtocolError(
            f"{network.source}: expected a layer, as none of its blocks lies as base_model.layout says, found none. "
            "State base_model.layer, or list layers after a colon."
        )
    untrained, is_random = stated.with_random_weights(), choice.weights == RANDOM
    for layer in layers:
        at = stated.at(layer)
        open_choice(at.choice, at.choice.weights, code=at.code)
        kind: Literal["trained", "untrained"] = "untrained" if is_random else "trained"
        yield Cell(network.name, None, layer, LayerSource(kind, None, "", at.label, layer, side or side_px, 0, at))
        if untrained is not None:
            other = LayerSource("untrained", None, "", at.label, layer, side or side_px, 0, untrained.at(layer))
            yield Cell(f"{UNTRAINED} {network.name}", None, layer, other)


def _untrained(architecture: str, layer: str, *, alone: bool, seed: int) -> Cell:
    name = UNTRAINED if alone else f"{UNTRAINED} {architecture}"
    side_px = architecture_named(architecture).side_px
    return Cell(name, None, layer, LayerSource("untrained", None, "", architecture, layer, side_px, seed))


@lru_cache(maxsize=2)
def _load(source: LayerSource, device: torch.device) -> nn.Module:
    return freeze_for_attack(_read(source)).to(device)


def _read(source: LayerSource) -> nn.Module:
    if source.kind == "pixels":
        return nn.Flatten()
    if source.stated is not None:
        units = UnitModel(open_choice(source.stated.choice, source.stated.choice.weights, code=source.stated.code))
        return nn.Sequential(units.normalisation, units.trunk, nn.Flatten())
    if source.path is None:
        trunk: nn.Module = cut(build_classifier(source.architecture, seed=source.seed), source.layer)
    else:
        check_unchanged(source.path, source.sha256)
        trunk = open_base_model(source.path, architecture=source.architecture, layer=source.layer).trunk
    return LayerFeatures(trunk, architecture=source.architecture, side_px=source.side_px)


def _resized(images: Tensor, side_px: int) -> Tensor:
    """Average over areas where images are larger, spread where they are smaller; both keep gradients."""
    if images.shape[-1] == side_px:
        return images
    if images.shape[-1] > side_px:
        return functional.adaptive_avg_pool2d(images, side_px)
    return functional.interpolate(images, size=side_px, mode="bilinear", align_corners=False)


def _filled(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill a batch up with black, so that an image's features do not depend on its neighbours."""
    return np.pad(images, ((0, _BATCH - len(images)), (0, 0), (0, 0), (0, 0)))
