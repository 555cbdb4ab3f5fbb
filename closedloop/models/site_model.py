"""The model of the recorded sites: pixels in, predicted z-scored responses out; and of artificial units, likewise."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.models.backbones import normalisation_of
from closedloop.models.blocks import BGR, RGB, Normalisation
from closedloop.models.folding import fold_batch_norm
from closedloop.models.fused import fuse_blocks
from closedloop.models.networks.code import NetworkCode
from closedloop.models.networks.description import NetworkDescription, ReadoutKind
from closedloop.models.networks.trunk import CutNetwork
from closedloop.models.readout import Readout, build_readout, calibrate
from closedloop.models.way_back.rectifiers import replace_rectifiers


@dataclass(frozen=True)
class BaseModel:
    """A classifier cut at a layer: where its features come from, and the part of the network that makes them.

    Parameters
    ----------
    architecture
        Name of ours, or what a network from elsewhere is called.
    layer
        Where it is cut.
    trunk
        The part of it up to there.
    network
        What a network from elsewhere is; None for one of ours.
    readout
        What reads its features out.
    code
        The file of a network that is code.

    Examples
    --------
    >>> from closedloop.models import open_base_model
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> base.architecture, base.layer
    ('small_resnet', 'layer3.0')
    """

    architecture: str
    layer: str
    trunk: nn.Module
    network: NetworkDescription | None = None
    readout: ReadoutKind = "factorised"
    code: NetworkCode | None = None


@dataclass(frozen=True)
class SiteModelSpec:
    """What must be known to build a site model's shape again.

    `network` is None where the architecture is one of ours. What came with networks from elsewhere is not in the text
    of a specification, which half-done fits of earlier versions are known by.
    """

    architecture: str
    layer: str
    side_px: int
    n_sites: int
    network: NetworkDescription | None = field(default=None, repr=False)
    readout: ReadoutKind = field(default="factorised", repr=False)


class SiteModel(nn.Module):
    """Normalisation, cut base model and readout; made by ``build_site_model`` or ``load_site_model``.

    Examples
    --------
    >>> import torch
    >>> from closedloop.models import build_site_model, open_base_model
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> model = build_site_model(base, n_sites=5, side_px=32, seed=0)
    >>> model(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """

    def __init__(self, spec: SiteModelSpec, *, trunk: nn.Module, readout: Readout) -> None:
        super().__init__()
        self.spec = spec
        self.normalisation = _normalisation(spec.architecture, spec.network)
        self.trunk = trunk
        self.readout = readout

    def forward(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], (n, 3, side, side), to predicted z-scored responses, (n, n_sites), in float32.

        Under autocast the trunk alone runs in the lower precision; the readout sums up in float32, at no cost.
        """
        return self.read_out(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Feature map that the readout sees, (n, n_channels, height, width)."""
        return self._seen(self.trunk(self.normalisation(images)))

    def read_out(self, features: Tensor) -> Tensor:
        """Map what `features` gives to predicted responses, (n, n_sites), in float32."""
        with torch.autocast(features.device.type, enabled=False):
            predicted: Tensor = self.readout(features.to(self.readout.gain.dtype))
        return predicted

    def respond(self, feature_map: Tensor) -> Tensor:
        """Map what the trunk gives, (n, n_channels, height, width), to predicted responses, (n, n_sites)."""
        return self.read_out(self._seen(feature_map))

    def _seen(self, feature_map: Tensor) -> Tensor:
        return feature_map.mean(dim=(2, 3), keepdim=True) if self.spec.readout == "average" else feature_map


class UnitModel(nn.Module):
    """Artificial units of a cut base model, averaged over space: the paper's comparison (section 3.2, ``avgpool``).

    Examples
    --------
    >>> import torch
    >>> from closedloop.models import UnitModel, open_base_model
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> UnitModel(base)(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 64])
    """

    def __init__(self, base: BaseModel) -> None:
        super().__init__()
        self.normalisation = _normalisation(base.architecture, base.network)
        self.trunk = base.trunk

    def forward(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], (n, 3, side, side), to activations, (n, n_units); averaged in their own precision."""
        features: Tensor = self.trunk(self.normalisation(images))
        return features.to(images.dtype).mean(dim=(2, 3))


def count_units(base: BaseModel, *, side_px: int) -> int:
    """Return how many units a cut base model has, seen from images of a side."""
    with torch.no_grad():
        return int(UnitModel(base)(torch.zeros(1, 3, side_px, side_px)).shape[1])


def build_site_model(base: BaseModel, *, n_sites: int, side_px: int, seed: int) -> SiteModel:
    """Site model on a base model with a random, not yet calibrated readout; the trunk is used, not copied.

    Parameters
    ----------
    base
        Where the features come from.
    n_sites
        Recorded sites.
    side_px
        Side of the images that it takes.
    seed
        Of the N(0, 1) draw of the readout.

    Examples
    --------
    >>> from closedloop.models import build_site_model, open_base_model
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> model = build_site_model(base, n_sites=5, side_px=32, seed=0)
    >>> model.spec.n_sites
    5
    """
    spec = SiteModelSpec(base.architecture, base.layer, side_px, n_sites, base.network, base.readout)
    shape = read_shape(feature_shape(base.trunk, side_px=side_px), base.readout)
    readout = build_readout(base.readout, n_sites=n_sites, feature_shape=shape, seed=seed)
    return SiteModel(spec, trunk=base.trunk, readout=readout).eval()


@torch.no_grad()
def feature_shape(trunk: nn.Module, *, side_px: int) -> tuple[int, int, int]:
    """Channels, height and width of what a trunk makes of a square image."""
    was_training = trunk.training
    trunk.eval()
    n_channels, height, width = trunk(torch.zeros(1, 3, side_px, side_px)).shape[1:]
    trunk.train(was_training)
    return n_channels, height, width


def read_shape(shape: tuple[int, int, int], readout: ReadoutKind) -> tuple[int, int, int]:
    """Channels, height and width of what a readout sees of a trunk's features."""
    return (shape[0], 1, 1) if readout == "average" else shape


def calibrate_readout(model: SiteModel, images: NDArray[np.uint8], *, batch_size: int = 64) -> None:
    """Make the model's outputs on clean images, uint8 (n, side, side, 3), z-scored at every site.

    Parameters
    ----------
    model
        Changed in place.
    images
        Clean images, uint8, (n, side, side, 3).
    batch_size
        Images in one forward pass.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.models import build_site_model, calibrate_readout, open_base_model, predict
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> model = build_site_model(base, n_sites=5, side_px=32, seed=0)
    >>> photos = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    >>> calibrate_readout(model, photos)
    >>> bool(np.allclose(predict(model, photos).std(axis=0), 1, atol=1e-3))
    True
    """
    calibrate(model.readout, features_of(model, images, batch_size=batch_size))


def freeze_for_attack(model: nn.Module) -> nn.Module:
    """Prepare a model for attacks, in place: evaluation mode, no weight gradients, BatchNorm folded, channels last.

    An attack then pays for the image's gradient alone. Residual blocks become ``models.fused`` ones, which have a
    first derivative and no second. The derivative of every ``nn.ReLU`` can be softened (``models.way_back``). Networks
    from elsewhere keep their modules and their order in memory.

    Examples
    --------
    >>> from closedloop.models import build_site_model, freeze_for_attack, open_base_model
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> model = build_site_model(base, n_sites=5, side_px=32, seed=0)
    >>> any(weight.requires_grad for weight in freeze_for_attack(model).parameters())
    False
    """
    fold_batch_norm(model.eval())
    replace_rectifiers(model)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs of torch
    for inner in model.modules():
        if isinstance(inner, CutNetwork):
            inner.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    fuse_blocks(model.requires_grad_(False))
    return model


@torch.no_grad()
def predict(model: nn.Module, images: NDArray[np.uint8], *, batch_size: int = 64) -> NDArray[np.float32]:
    """Output of a model for uint8 images.

    Parameters
    ----------
    model
        A ``SiteModel`` or ``UnitModel``; put into evaluation mode.
    images
        uint8, (n, side, side, 3).
    batch_size
        Every batch is filled up to this size, so that an image's prediction does not depend on its neighbours.

    Returns
    -------
    float32, (n, n_outputs).

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.models import build_site_model, open_base_model, predict
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> model = build_site_model(base, n_sites=5, side_px=32, seed=0)
    >>> predict(model, np.zeros((3, 32, 32, 3), dtype=np.uint8)).shape
    (3, 5)
    """
    model.eval()
    rows = [model(batch)[:n].float().cpu().numpy() for batch, n in _full_batches(model, images, batch_size=batch_size)]
    return np.concatenate(rows)


@torch.no_grad()
def features_of(model: SiteModel, images: NDArray[np.uint8], *, batch_size: int = 64) -> Tensor:
    """Feature maps of uint8 images (n, side, side, 3): (n, n_channels, height, width), on the processor's memory.

    Parameters
    ----------
    model
        Put into evaluation mode.
    images
        uint8, (n, side, side, 3).
    batch_size
        Images in one forward pass.
    """
    model.eval()
    batches = _full_batches(model, images, batch_size=batch_size)
    return torch.cat([model.features(batch)[:n].float().cpu() for batch, n in batches])


def images_to_tensor(images: NDArray[np.uint8], *, device: torch.device) -> Tensor:
    """Images uint8 (n, side, side, 3) as float in [0, 1], (n, 3, side, side), channels last in memory (faster)."""
    return torch.from_numpy(np.array(images)).to(device).permute(0, 3, 1, 2).float() / 255


def _normalisation(architecture: str, network: NetworkDescription | None) -> Normalisation:
    if network is None:
        return normalisation_of(architecture)
    pixels = network.preprocessing
    return Normalisation(pixels.mean, pixels.std, colours=BGR if pixels.colours == "bgr" else RGB)


def device_of(model: nn.Module) -> torch.device:
    """Where a model's weights live; the processor, if it has none."""
    first = next(itertools.chain(model.parameters(), model.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def _full_batches(model: nn.Module, images: NDArray[np.uint8], *, batch_size: int) -> Iterator[tuple[Tensor, int]]:
    """Batches of exactly ``batch_size`` images, the last filled up with black ones, and how many of each count."""
    if images.ndim != 4 or images.shape[-1] != 3 or not len(images):
        raise ValueError(f"images: expected uint8 (n, side, side, 3) with n > 0, found {images.shape}")
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        padding = ((0, batch_size - len(part)), (0, 0), (0, 0), (0, 0))
        yield images_to_tensor(np.pad(part, padding), device=device_of(model)), len(part)
